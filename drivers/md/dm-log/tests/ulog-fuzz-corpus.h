/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Answers from which the fuzz test of daemon messages begins: what daemons send,
 * and what went wrong with some.
 */

#ifndef DM_LOG_ULOG_FUZZ_CORPUS_H
#define DM_LOG_ULOG_FUZZ_CORPUS_H

#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/types.h>

/* The payload is as long as the request's answer has to be. */
#define FUZZ_RIGHT_SIZE	U16_MAX

/**
 * struct fuzz_answer - an answer to a request, which it repeats
 * @what: description
 * @payload: bytes after the request; or FUZZ_RIGHT_SIZE
 * @short_ack: no request in it, only an error in the connector's ack
 * @error: in the request, or in the ack
 * @lie: added to the length of the payload in the request
 * @no_luid: 0 for the log's number
 * @first: first eight bytes of the payload
 * @second: next eight bytes
 */
struct fuzz_answer {
	const char *what;
	u16 payload;
	bool short_ack;
	s32 error;
	s32 lie;
	bool no_luid;
	u64 first;
	u64 second;
};

static const struct fuzz_answer fuzz_answers_corpus[] = {
	{ .what = "yes", .payload = FUZZ_RIGHT_SIZE, .first = 1 },
	{ .what = "no", .payload = FUZZ_RIGHT_SIZE },
	{ .what = "cmirrord in a cluster", .payload = FUZZ_RIGHT_SIZE, .no_luid = true,
	  .first = 1, .second = 5 },
	{ .what = "cmirrord's ack of CLEAR", .short_ack = true },
	{ .what = "cmirrord does not know the log", .error = -EINVAL },
	{ .what = "nor does another", .error = -ENOENT },
	{ .what = "cmirrord, device cannot be opened", .error = ENXIO },
	{ .what = "cmirrord's FLUSH: a size, and no data", .lie = 64 },
	{ .what = "stock: value 2", .payload = 8, .first = 2 },
	{ .what = "stock: value -5", .payload = 8, .first = -5ULL },
	{ .what = "stock: value 2^32", .payload = 8, .first = 1ULL << 32 },
	{ .what = "stock: value 2^32 + 1", .payload = 8, .first = (1ULL << 32) + 1 },
	{ .what = "stock: 14000 bytes announced", .payload = 8, .lie = 14000, .first = 1 },
	{ .what = "stock: a region too far", .payload = 16, .first = 1, .second = 10000 },
	{ .what = "a region much too far", .payload = 16, .first = 1, .second = U64_MAX },
	{ .what = "the last region", .payload = 16, .first = 1, .second = 9999 },
	{ .what = "stock: string without an end", .payload = 400,
	  .first = 0x6161616161616161ULL, .second = 0x6161616161616161ULL },
	{ .what = "no payload", .payload = 0 },
	{ .what = "half a value", .payload = 4, .first = 1 },
	{ .what = "one byte less", .payload = 7, .first = 1 },
	{ .what = "one byte more", .payload = 9, .first = 1 },
	{ .what = "one value too many", .payload = 24, .first = 1 },
	{ .what = "announces one byte too many", .payload = 8, .lie = 1, .first = 1 },
	{ .what = "announces one byte less", .payload = 8, .lie = -1, .first = 1 },
	{ .what = "announces -1", .payload = 8, .lie = -9, .first = 1 },
	{ .what = "announces 2^31", .payload = 8, .lie = S32_MAX - 7, .first = 1 },
	{ .what = "error and an answer", .payload = 8, .error = -EIO, .first = 1 },
	{ .what = "error of INT_MIN", .payload = 8, .error = S32_MIN, .first = 1 },
	{ .what = "error of INT_MAX", .payload = 8, .error = S32_MAX, .first = 1 },
	{ .what = "ack of INT_MIN", .short_ack = true, .error = S32_MIN },
	{ .what = "ack of -1", .short_ack = true, .error = 1 },
	{ .what = "ack of 4096", .short_ack = true, .error = -4096 },
};

#endif /* DM_LOG_ULOG_FUZZ_CORPUS_H */
