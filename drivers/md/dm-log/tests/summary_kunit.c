// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the bitmap with a summary: every step is made on a plain bitmap,
 * too, and the two must agree. Sizes are those where words and levels begin and
 * end.
 */

#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "../summary.h"

struct summary_case {
	const char *desc;
	unsigned long nr_bits;
};

static const struct summary_case summary_cases[] = {
	{ "1 bit", 1 },
	{ "a word but one", 63 },
	{ "a word", 64 },
	{ "a word and one", 65 },
	{ "two levels but one", 4095 },
	{ "two levels", 4096 },
	{ "two levels and one", 4097 },
	{ "three levels but one", 262143 },
	{ "three levels", 262144 },
	{ "three levels and one", 262145 },
};

KUNIT_ARRAY_PARAM_DESC(summary, summary_cases, desc);

static void exit_summary(void *summary)
{
	dm_log_summary_exit(summary);
}

static struct dm_log_summary *new_summary(struct kunit *test,
					  unsigned long nr_bits)
{
	struct dm_log_summary *summary;
	int r;

	summary = kunit_kzalloc(test, sizeof(*summary), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, summary);
	KUNIT_ASSERT_EQ(test, dm_log_summary_init(summary, nr_bits), 0);
	r = kunit_add_action_or_reset(test, exit_summary, summary);
	KUNIT_ASSERT_EQ(test, r, 0);
	return summary;
}

static unsigned long *new_bitmap(struct kunit *test, unsigned long nr_bits)
{
	unsigned long *bits;

	bits = kunit_kcalloc(test, BITS_TO_LONGS(nr_bits), sizeof(*bits),
			     GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bits);
	return bits;
}

/* The same bits, and each level says of the one below what it should. */
static void check_summary(struct kunit *test,
			  const struct dm_log_summary *summary,
			  const unsigned long *bits)
{
	unsigned long word;
	unsigned int i;

	KUNIT_ASSERT_MEMEQ(test, summary->level[0], bits,
			   BITS_TO_LONGS(summary->nr_bits) * sizeof(*bits));

	for (i = 1; i < summary->nr_levels; i++)
		for (word = 0; word < summary->nr_words[i - 1]; word++)
			KUNIT_ASSERT_EQ_MSG(test, test_bit(word, summary->level[i]),
					    !!summary->level[i - 1][word],
					    "level %u, of word %lu", i, word);
}

static void check_next(struct kunit *test, const struct dm_log_summary *summary,
		       const unsigned long *bits, unsigned long from)
{
	unsigned long expected = find_next_bit(bits, summary->nr_bits, from);

	KUNIT_ASSERT_EQ_MSG(test, dm_log_summary_next(summary, from), expected,
			    "from %lu", from);
}

/* Levels, and nothing set to begin with. */
static void summary_starts_clear(struct kunit *test)
{
	const struct summary_case *c = test->param_value;
	struct dm_log_summary *summary = new_summary(test, c->nr_bits);
	unsigned int top = summary->nr_levels - 1;

	check_summary(test, summary, new_bitmap(test, c->nr_bits));
	KUNIT_EXPECT_EQ(test, dm_log_summary_next(summary, 0), c->nr_bits);
	/* The search ends where there is one word, and not before. */
	KUNIT_EXPECT_EQ(test, summary->nr_words[top], 1);
	if (top)
		KUNIT_EXPECT_GT(test, summary->nr_words[top - 1], 1);
}

/* Each bit alone, found from everywhere before it and from nowhere behind it. */
static void summary_finds_lone_bit(struct kunit *test)
{
	const struct summary_case *c = test->param_value;
	struct dm_log_summary *summary = new_summary(test, c->nr_bits);
	const unsigned long nr = c->nr_bits;
	/* Every bit if they are few, else some, odd so as to meet all of a word's. */
	const unsigned long step = nr < 128 ? 1 : (nr / 100) | 1;
	unsigned long bit, from;

	for (bit = 0; bit < nr; bit += step) {
		KUNIT_ASSERT_TRUE(test, dm_log_summary_set(summary, bit));
		for (from = 0; from < nr; from += step)
			KUNIT_ASSERT_EQ(test, dm_log_summary_next(summary, from),
					from <= bit ? bit : nr);
		KUNIT_ASSERT_EQ(test, dm_log_summary_next(summary, bit + 1), nr);
		KUNIT_ASSERT_TRUE(test, dm_log_summary_clear(summary, bit));
	}
}

/* set_all() must not set bits that do not exist. */
static void summary_fills_exactly(struct kunit *test)
{
	const struct summary_case *c = test->param_value;
	struct dm_log_summary *summary = new_summary(test, c->nr_bits);
	unsigned long *bits = new_bitmap(test, c->nr_bits);

	bitmap_set(bits, 0, c->nr_bits);
	dm_log_summary_set_all(summary);
	check_summary(test, summary, bits);
	KUNIT_EXPECT_EQ(test, dm_log_summary_next(summary, c->nr_bits - 1),
			c->nr_bits - 1);

	bitmap_zero(bits, c->nr_bits);
	dm_log_summary_clear_all(summary);
	check_summary(test, summary, bits);
}

/* A position behind the end is allowed and finds nothing. */
static void summary_next_beyond_end(struct kunit *test)
{
	const struct summary_case *c = test->param_value;
	struct dm_log_summary *summary = new_summary(test, c->nr_bits);
	const unsigned long from[] = {
		c->nr_bits, c->nr_bits + 1, c->nr_bits + BITS_PER_LONG,
		ULONG_MAX - 1, ULONG_MAX,
	};
	int i;

	dm_log_summary_set_all(summary);
	for (i = 0; i < ARRAY_SIZE(from); i++)
		KUNIT_EXPECT_EQ_MSG(test, dm_log_summary_next(summary, from[i]),
				    c->nr_bits, "from %lu", from[i]);
}

/* Random steps; setting and clearing tell whether the bit changed. */
static void summary_random(struct kunit *test)
{
	const struct summary_case *c = test->param_value;
	struct dm_log_summary *summary = new_summary(test, c->nr_bits);
	unsigned long *bits = new_bitmap(test, c->nr_bits);
	const unsigned long nr = c->nr_bits;
	const bool small = nr < 128;
	u64 seed = get_random_u64();
	struct rnd_state rnd;
	unsigned long from;
	int step;

	kunit_info(test, "seed 0x%llx\n", seed);
	prandom_seed_state(&rnd, seed);

	for (step = 0; step < 20000; step++) {
		unsigned long bit = prandom_u32_state(&rnd) % nr;

		/* Sometimes more bits come, sometimes more go: both ends are met. */
		switch (prandom_u32_state(&rnd) % 16 + (step / 1000 % 2) * 4) {
		case 0 ... 9:
			KUNIT_ASSERT_EQ(test, dm_log_summary_set(summary, bit),
					!__test_and_set_bit(bit, bits));
			break;
		default:
			/* Mostly bits that are set, or nothing would change. */
			if (bit % 4)
				bit = find_next_bit_wrap(bits, nr, bit);
			if (bit == nr)
				break;
			KUNIT_ASSERT_EQ(test, dm_log_summary_clear(summary, bit),
					__test_and_clear_bit(bit, bits));
			break;
		}

		bit = prandom_u32_state(&rnd) % nr;
		KUNIT_ASSERT_EQ(test, dm_log_summary_test(summary, bit),
				test_bit(bit, bits));
		check_next(test, summary, bits, bit);
		for (from = 0; small && from <= nr; from++)
			check_next(test, summary, bits, from);
		if (small || step % 500 == 0)
			check_summary(test, summary, bits);
	}
	check_summary(test, summary, bits);
}

/* More bits than the levels can tell apart are refused before memory is taken. */
static void summary_too_large(struct kunit *test)
{
	struct dm_log_summary summary;
	unsigned long nr_bits = 1;
	int i;

	for (i = 0; i < DM_LOG_SUMMARY_LEVELS; i++)
		nr_bits *= BITS_PER_LONG;

	KUNIT_EXPECT_EQ(test, dm_log_summary_init(&summary, nr_bits + 1), -EINVAL);
	/* What was not set up can be freed, and twice. */
	dm_log_summary_exit(&summary);
	dm_log_summary_exit(&summary);
}

static struct kunit_case dm_log_summary_cases[] = {
	KUNIT_CASE_PARAM(summary_starts_clear, summary_gen_params),
	KUNIT_CASE_PARAM(summary_finds_lone_bit, summary_gen_params),
	KUNIT_CASE_PARAM(summary_fills_exactly, summary_gen_params),
	KUNIT_CASE_PARAM(summary_next_beyond_end, summary_gen_params),
	KUNIT_CASE_PARAM(summary_random, summary_gen_params),
	KUNIT_CASE(summary_too_large),
	{}
};

static struct kunit_suite dm_log_summary_suite = {
	.name = "dm_log_summary",
	.test_cases = dm_log_summary_cases,
};

kunit_test_suite(dm_log_summary_suite);
