"""The operations as mathematics: one file a family, the value and its gradient side by side, on DeviceArrays."""
