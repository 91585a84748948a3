// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the arguments that core and disk logs share: contract A3, and
 * B35 for numbers that do not fit.
 */

#include <kunit/test.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "../args.h"

struct args_case {
	const char *desc;
	sector_t len;
	unsigned int argc;
	const char *argv[3];
	int r;
	/* If r is 0: */
	u32 region_sectors;
	u64 nr_regions;
	enum dm_log_sync sync;
};

#define LEN	4096ULL
#define HUGE_LEN	BIT_ULL(40)

/* One word that is a size, and one that is not; a second word likewise. */
#define SIZE_OK(_desc, _word, _len, _sectors, _regions)			\
	{								\
		.desc = _desc, .len = _len, .argc = 1,			\
		.argv = { _word }, .region_sectors = _sectors,		\
		.nr_regions = _regions,					\
	}

#define SIZE_BAD(_desc, _word, _len)					\
	{								\
		.desc = _desc, .len = _len, .argc = 1,			\
		.argv = { _word }, .r = -EINVAL,			\
	}

#define WORD_OK(_desc, _word, _sync)					\
	{								\
		.desc = _desc, .len = LEN, .argc = 2,			\
		.argv = { "1024", _word }, .region_sectors = 1024,	\
		.nr_regions = 4, .sync = _sync,				\
	}

#define WORD_BAD(_desc, _word)						\
	{								\
		.desc = _desc, .len = LEN, .argc = 2,			\
		.argv = { "1024", _word }, .r = -EINVAL,		\
	}

static const struct args_case args_cases[] = {
	SIZE_OK("the smallest size", "2", LEN, 2, 2048),
	SIZE_OK("a usual size", "1024", LEN, 1024, 4),
	SIZE_OK("leading zero", "01024", LEN, 1024, 4),
	SIZE_OK("many leading zeros", "00000000000000000000001024", LEN, 1024, 4),
	SIZE_OK("as large as the target", "4096", LEN, 4096, 1),
	SIZE_OK("last region short", "1024", LEN + 1, 1024, 5),
	SIZE_OK("all regions but one sector", "1024", LEN - 1, 1024, 4),
	SIZE_OK("2^31, longer target", "2147483648", BIT_ULL(32) + 1,
		2147483648U, 3),
	SIZE_OK("2^31, target as long", "2147483648", BIT_ULL(31), 2147483648U, 1),
	SIZE_OK("2^32 - 1 regions", "2", 2 * (u64)U32_MAX, 2, U32_MAX),
	SIZE_OK("2^31 + 1 regions", "512", BIT_ULL(40) + 1, 512, BIT_ULL(31) + 1),

	SIZE_BAD("0", "0", LEN),
	SIZE_BAD("1", "1", LEN),
	SIZE_BAD("3, no power of two", "3", LEN),
	SIZE_BAD("3000, no power of two", "3000", LEN),
	SIZE_BAD("larger than the target", "8192", LEN),
	SIZE_BAD("one sector larger than the target", "4096", LEN - 1),
	SIZE_BAD("2^31, shorter target", "2147483648", BIT_ULL(31) - 1),
	SIZE_BAD("2^32 - 1", "4294967295", HUGE_LEN),
	SIZE_BAD("2^32", "4294967296", HUGE_LEN),
	/* B35: must not be taken as 1024. */
	SIZE_BAD("2^32 + 1024", "4294968320", HUGE_LEN),
	SIZE_BAD("2^64", "18446744073709551616", HUGE_LEN),
	SIZE_BAD("2^64 + 1024", "18446744073709552640", HUGE_LEN),
	SIZE_BAD("plus sign", "+1024", LEN),
	SIZE_BAD("minus sign", "-2", LEN),
	/* 1024 modulo 2^32. */
	SIZE_BAD("minus sign, large", "-4294966272", LEN),
	SIZE_BAD("hexadecimal", "0x400", LEN),
	SIZE_BAD("suffix", "1k", LEN),
	SIZE_BAD("trailing garbage", "1024x", LEN),
	SIZE_BAD("trailing newline", "1024\n", LEN),
	SIZE_BAD("trailing blank", "1024 ", LEN),
	SIZE_BAD("leading blank", " 1024", LEN),
	SIZE_BAD("fraction", "1024.0", LEN),
	SIZE_BAD("not a number", "sync", LEN),
	SIZE_BAD("empty", "", LEN),

	WORD_OK("sync", "sync", DM_LOG_SYNC_FORCE),
	WORD_OK("nosync", "nosync", DM_LOG_SYNC_SKIP),
	WORD_BAD("other case", "Sync"),
	WORD_BAD("upper case", "NOSYNC"),
	WORD_BAD("empty word", ""),
	WORD_BAD("shortened word", "syn"),
	WORD_BAD("lengthened word", "nosyncs"),
	WORD_BAD("word and blank", "sync "),
	WORD_BAD("other word", "block_on_error"),
	{
		/* No word may be looked at. */
		.desc = "too few", .len = LEN, .argc = 0, .r = -EINVAL,
	}, {
		.desc = "too many", .len = LEN, .argc = 3,
		.argv = { "1024", "sync", "nosync" }, .r = -EINVAL,
	}, {
		.desc = "good word, bad size", .len = LEN, .argc = 2,
		.argv = { "1000", "sync" }, .r = -EINVAL,
	}, {
		/* What follows the last word belongs to the target. */
		.desc = "words not counted", .len = LEN, .argc = 1,
		.argv = { "1024", "2" }, .r = 0, .region_sectors = 1024,
		.nr_regions = 4,
	},
};

KUNIT_ARRAY_PARAM_DESC(args, args_cases, desc);

static void args_parse(struct kunit *test)
{
	const struct args_case *c = test->param_value;
	/* Every field must be set, whatever was there. */
	struct dm_log_args args = {
		.region_sectors = 77, .nr_regions = 77, .sync = 77,
	};
	int r;

	r = dm_log_parse_args("kunit", c->len, c->argc, (char **)c->argv, &args);
	KUNIT_ASSERT_EQ(test, r, c->r);
	if (r)
		return;
	KUNIT_EXPECT_EQ(test, args.region_sectors, c->region_sectors);
	KUNIT_EXPECT_EQ(test, args.nr_regions, c->nr_regions);
	KUNIT_EXPECT_EQ(test, (int)args.sync, (int)c->sync);
}

/* Every power of two that a target can have, none that does not fit. */
static void args_parse_powers(struct kunit *test)
{
	struct dm_log_args args;
	char word[24], *argv[] = { word };
	int shift, r;

	for (shift = 0; shift < 64; shift++) {
		snprintf(word, sizeof(word), "%llu", BIT_ULL(shift));
		r = dm_log_parse_args("kunit", BIT_ULL(50), 1, argv, &args);
		KUNIT_EXPECT_EQ_MSG(test, r, shift >= 1 && shift <= 31 ? 0 : -EINVAL,
				    "region size '%s'", word);
		if (!r)
			KUNIT_EXPECT_EQ(test, args.nr_regions, BIT_ULL(50 - shift));
	}
}

struct emit_case {
	const char *desc;
	struct dm_log_args args;
	unsigned int nr_args;
	const char *text;
};

static const struct emit_case emit_cases[] = {
	{ "default", { 1024, 4, DM_LOG_SYNC_DEFAULT }, 1, "1024 " },
	{ "sync", { 1024, 4, DM_LOG_SYNC_FORCE }, 2, "1024 sync " },
	{ "nosync", { 1024, 4, DM_LOG_SYNC_SKIP }, 2, "1024 nosync " },
	{ "2^31", { 2147483648U, 1, DM_LOG_SYNC_DEFAULT }, 1, "2147483648 " },
};

KUNIT_ARRAY_PARAM_DESC(emit, emit_cases, desc);

/* Contract A3: what a table line shows, with its trailing blank. */
static void args_emit(struct kunit *test)
{
	const struct emit_case *c = test->param_value;
	char result[32];
	int sz;

	sz = dm_log_emit_args(&c->args, result, sizeof(result));
	KUNIT_EXPECT_EQ(test, sz, strlen(c->text));
	KUNIT_EXPECT_STREQ(test, result, c->text);
	KUNIT_EXPECT_EQ(test, dm_log_nr_args(&c->args), c->nr_args);
}

/* What does not fit is cut off: no byte behind the buffer, always a NUL in it. */
static void args_emit_truncated(struct kunit *test)
{
	const struct emit_case *c = test->param_value;
	unsigned int maxlen, len = strlen(c->text);
	char result[32];
	int sz;

	for (maxlen = 0; maxlen <= len + 1; maxlen++) {
		unsigned int fits = maxlen ? min(len, maxlen - 1) : 0;

		memset(result, 'x', sizeof(result));
		sz = dm_log_emit_args(&c->args, result, maxlen);
		KUNIT_EXPECT_EQ(test, sz, fits);
		KUNIT_EXPECT_MEMEQ(test, result, c->text, fits);
		if (maxlen)
			KUNIT_EXPECT_EQ(test, result[fits], '\0');
		KUNIT_EXPECT_EQ(test, result[maxlen], 'x');
	}
}

/* A table line that was shown can be loaded again and means the same. */
static void args_emit_and_parse(struct kunit *test)
{
	const struct emit_case *c = test->param_value;
	struct dm_log_args args;
	char result[32], *rest = result, *argv[3] = { };
	unsigned int argc = 0;
	char *word;

	dm_log_emit_args(&c->args, result, sizeof(result));
	while ((word = strsep(&rest, " ")) && argc < ARRAY_SIZE(argv))
		if (*word)
			argv[argc++] = word;
	KUNIT_ASSERT_EQ(test, argc, dm_log_nr_args(&c->args));
	KUNIT_ASSERT_EQ(test, dm_log_parse_args("kunit", BIT_ULL(31), argc, argv,
						&args), 0);
	KUNIT_EXPECT_EQ(test, args.region_sectors, c->args.region_sectors);
	KUNIT_EXPECT_EQ(test, (int)args.sync, (int)c->args.sync);
}

static struct kunit_case dm_log_args_cases[] = {
	KUNIT_CASE_PARAM(args_parse, args_gen_params),
	KUNIT_CASE(args_parse_powers),
	KUNIT_CASE_PARAM(args_emit, emit_gen_params),
	KUNIT_CASE_PARAM(args_emit_truncated, emit_gen_params),
	KUNIT_CASE_PARAM(args_emit_and_parse, emit_gen_params),
	{}
};

static struct kunit_suite dm_log_args_suite = {
	.name = "dm_log_args",
	.test_cases = dm_log_args_cases,
};

kunit_test_suite(dm_log_args_suite);
