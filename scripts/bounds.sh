#!/bin/bash
# Bounds on time, for the scripts here. To be sourced.
#
# A verdict must not depend on how fast a machine is, so every bound on time is one of
# three. In the scripts nearly all are of the first kind:
#
# - It finds what hangs. Then it is hang() of the seconds that a fast machine needs, with
#   nothing beside it. Machines of the same kind differ by four, a busy neighbour costs two
#   and what a guest does most, trapping page faults, ten.
# - It is the feature's own time, such as clean_delay_ms: a test allows for the machine,
#   see allow() in tools/testing/selftests/dm-log/dm_log_lib.sh.
# - It is a measurement. Those are in scripts/bench, and no test.

hang_factor=20

hang() { echo $(($1 * hang_factor)); } # SECONDS
