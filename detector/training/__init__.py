"""Corpus in, model and evaluation out. Never imported by scoring."""
