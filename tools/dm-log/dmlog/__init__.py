# SPDX-License-Identifier: GPL-2.0-only
"""What dm-log-show is made of. Nothing in here opens a log for writing."""
