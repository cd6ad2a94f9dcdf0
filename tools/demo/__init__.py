"""The story of Portcullis, played for real on this machine (`make demo`), and its world to play in (`make playground`)."""
