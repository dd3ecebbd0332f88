"""Every order of steps that officers, tipsters and clocks can take, tried at random and held to the promises.

A longer campaign than the suite's: MACHINE_EXAMPLES=300 pytest tests/machines
"""
