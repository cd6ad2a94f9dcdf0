"""The world that the demo and the end-to-end tests play in: a real control plane, the lab's cloud, the operator.

Run with PYTHONPATH=tools and the python that tools/venv.sh prints. README.md beside this file shows how.
"""
