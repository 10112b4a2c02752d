"""Does everything compute on the device that it is told? Without a GPU."""
