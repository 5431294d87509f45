"""The ``pylabrobot`` laboratory: plates made by any liquid handler that PyLabRobot has a back end for."""
