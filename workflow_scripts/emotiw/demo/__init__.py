"""The synthetic demo corpus, a self-test of the workflow: faces warped from one portrait, and synthesised voices."""
