"""The inside of a worker process: ``python -m pynenc.runner.worker``, started by a runner and by nobody else."""
