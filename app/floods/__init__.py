"""Waves of tips: noticing them, flagging what comes in them, and grading sources."""
