"""The operations as mathematics: one file per family, the value and its gradient side by side, on DeviceArrays."""
