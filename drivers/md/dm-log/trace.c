// SPDX-License-Identifier: GPL-2.0-only
/*
 * The code of the tracepoints. In a file of its own because what it includes would
 * change the symbol CRCs of whatever is exported beside it.
 */

#define CREATE_TRACE_POINTS
#include "trace.h"
