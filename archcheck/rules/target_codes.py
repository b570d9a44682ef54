"""The TGT codes: why a model or its inputs could not be built. `archcheck explain TGT001` prints them."""

from __future__ import annotations

TARGET_CODES: tuple[tuple[str, str, str], ...] = (
    (
        "TGT001",
        "the target is not written as MODULE:NAME",
        "A target is `pkg.module:name` or `path/file.py:name`. The name is a class, a function, a "
        "classmethod (`transformers:AutoModelForCausalLM.from_config`) or a module that exists already.",
    ),
    (
        "TGT002",
        "there is no such file or Python module",
        "A path is taken relative to the spec's folder and the folders above it up to the repository's root "
        "(the one with `.git` or `pyproject.toml`), then to the current folder; one given by `--model`, to "
        "the current folder first. A module is looked for in the same folders, and then among the "
        "installed packages.",
    ),
    (
        "TGT003",
        "the model's file could not be imported",
        "The file has a syntax error, raised an exception, or ended the program while it was imported. "
        "The message shows the line. What a script does beyond definitions belongs under `if __name__ == "
        '"__main__":`; what it imports must be installed beside archcheck.',
    ),
    (
        "TGT004",
        "the module has no such name",
        "The file or module was imported, and what stands after the colon is not in it.",
    ),
    (
        "TGT005",
        "the target needs other arguments",
        "The signature of the class or function does not fit the arguments given. They stand under "
        "`model.arguments` in a spec, or in `--set KEY=VALUE`. An argument that is an object of its own, "
        "such as a config, is a target too: `config: {target: pkg.module:Config, arguments: {hidden_size: "
        "64}}`; with `arguments: null` it is passed as it is, not called.",
    ),
    (
        "TGT006",
        "the model's code failed while it was built",
        "The class or function raised an exception, or ended the program. The line is the innermost one "
        "of your own code.",
    ),
    (
        "TGT007",
        "the target does not give a torch.nn.Module",
        "A target must be an `nn.Module`, or return one; a tuple with exactly one in it, such as `(model, "
        "tokenizer)`, serves as well.",
    ),
    (
        "TGT008",
        "the inputs do not fit the model's forward",
        "An input has a name that `forward` does not take, or a parameter without a default was not given.",
    ),
    (
        "TGT009",
        "an input can't be made",
        "A tensor is `{shape: [1, 16], dtype: int64, low: 0, high: 6400}`, with `value` to fill it with "
        "one number; on the command line `--input 'input_ids=int64[1,16]<6400'`. The dtype is one of "
        "torch's names. An input may also be a target, a plain value, or a list or mapping of these.",
    ),
    (
        "TGT010",
        "no inputs are given and none could be guessed",
        "Without inputs, archcheck tries those that the names in `forward` and the first layer suggest. "
        "Where none runs, give them: under `model.inputs` in a spec, or `--input "
        "'x=float32[1,3,224,224]'`.",
    ),
    (
        "TGT011",
        "a setting can't be applied",
        "A setting is `KEY=VALUE`. A dotted key reaches into an argument that is a target or a mapping: "
        "`--set config.num_hidden_layers=4`. The value is YAML: `4`, `true`, `[1, 2]`, `{target: "
        "pkg:Config}`.",
    ),
    (
        "TGT012",
        "the model failed on its inputs",
        "`forward` raised an exception, or ended the program. Often the inputs have another shape or "
        "dtype than it expects, or an integer lies outside an embedding's range.",
    ),
    (
        "TGT013",
        "the model's process ended before it was done",
        "Each model is built and run in a process of its own. That process exited, crashed or was killed "
        "before it had said what ran: the model's code calls `os._exit`, a native extension crashed, or "
        "memory ran out. What it printed stands on standard error. Nothing was checked.",
    ),
    (
        "TGT014",
        "the model took too long",
        "The model's process did not answer in time and was ended: an endless loop, a wait for input or "
        "for another process. A machine that is merely slow needs a longer `--timeout`.",
    ),
    (
        "TGT015",
        "no process can be started for the model",
        "The Python that `--python` names can't be started, or lacks what running a model needs: torch 2.4 "
        "or later, numpy, and Python 3.10 or later. archcheck itself need not be installed there.",
    ),
    (
        "TGT016",
        "the weights can't be loaded",
        "`archcheck measure --weights FILE` takes a state dict: `.safetensors`, or what `torch.save` wrote, "
        "read with `weights_only=True`. Its names and shapes must be those of the model.",
    ),
    (
        "TGT017",
        "the data can't be loaded",
        "`archcheck measure --data FILE` takes an `.npz` or `.safetensors` file with an array for each input "
        "of `forward`, and perhaps one called `targets`. Arrays of Python objects are refused.",
    ),
    (
        "TGT018",
        "there is nothing to measure",
        "No gradient reaches the model's output (its code runs under `torch.no_grad`, say), or the model is "
        "too large to be run on real values. Measure a smaller one: `--set num_hidden_layers=4`.",
    ),
)
