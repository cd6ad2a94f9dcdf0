"""The story of Portcullis, played for real on this machine (`make demo`), and a world to play in (`make playground`)."""
