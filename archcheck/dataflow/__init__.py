"""A recorded run as plain values, and the questions asked of it."""
