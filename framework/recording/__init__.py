"""The recording: calls that wait, the programs they become, and Tensors."""
