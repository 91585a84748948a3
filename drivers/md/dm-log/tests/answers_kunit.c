// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the table of answers: what was said holds for the pass, and not
 * longer. See answers.h for why.
 */

#include <kunit/test.h>
#include <linux/bits.h>
#include <linux/random.h>

#include "../answers.h"

#define FIRST_SLOTS	256
#define LAST_SLOTS	65536

static int answers_test_init(struct kunit *test)
{
	struct dm_log_answers *answers = kunit_kzalloc(test, sizeof(*answers), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, answers);
	KUNIT_ASSERT_EQ(test, dm_log_answers_init(answers), 0);
	KUNIT_EXPECT_EQ(test, answers->nr_slots, FIRST_SLOTS);
	test->priv = answers;
	return 0;
}

static void answers_test_exit(struct kunit *test)
{
	dm_log_answers_exit(test->priv);
}

static u32 known(struct kunit *test, u64 region)
{
	struct dm_log_answer *answer = dm_log_answers_get(test->priv, region);

	KUNIT_ASSERT_NOT_NULL(test, answer);
	KUNIT_EXPECT_EQ(test, answer->region, region);
	return answer->known;
}

static void note(struct kunit *test, u64 region, u32 flags)
{
	struct dm_log_answer *answer = dm_log_answers_get(test->priv, region);

	KUNIT_ASSERT_NOT_NULL(test, answer);
	answer->known |= flags;
}

/* Ask about so many regions that there is no room for another. */
static u64 fill(struct dm_log_answers *answers, u64 first)
{
	u64 region = first;

	while (dm_log_answers_get(answers, region))
		region++;
	return region - first;
}

/* All that was noted in a pass is found in it, wherever the hash puts it. */
static void answers_hold_for_the_pass(struct kunit *test)
{
	static const u64 regions[] = {
		0, 1, 2, 255, 256, 257, 4096, U32_MAX, BIT_ULL(32), U64_MAX,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(regions); i++) {
		KUNIT_EXPECT_EQ(test, known(test, regions[i]), 0);
		note(test, regions[i], i % 7 + 1);
	}
	for (i = 0; i < ARRAY_SIZE(regions); i++)
		KUNIT_EXPECT_EQ(test, known(test, regions[i]), i % 7 + 1);
	KUNIT_EXPECT_EQ(test, known(test, 3), 0);
}

/* Contract C4: an answer of the pass before may be wrong by now. */
static void answers_end_with_the_pass(struct kunit *test)
{
	struct dm_log_answers *answers = test->priv;
	u64 region;

	for (region = 0; region < 100; region++)
		note(test, region, DM_LOG_SYNC_KNOWN | DM_LOG_IN_SYNC);
	dm_log_answers_new_pass(answers);
	KUNIT_EXPECT_EQ(test, answers->nr_used, 0);
	for (region = 0; region < 100; region++)
		KUNIT_EXPECT_EQ(test, known(test, region), 0);
}

/* A full table says so, keeps what it has, and is larger in the next pass. */
static void answers_full(struct kunit *test)
{
	struct dm_log_answers *answers = test->priv;
	u64 region, nr = fill(answers, 1000);

	KUNIT_EXPECT_EQ(test, nr, FIRST_SLOTS / 4 * 3);
	for (region = 0; region < nr; region++)
		note(test, 1000 + region, DM_LOG_SYNC_KNOWN | region % 2);
	KUNIT_EXPECT_NULL(test, dm_log_answers_get(answers, 1000 + nr));
	KUNIT_EXPECT_NULL(test, dm_log_answers_get(answers, 0));
	for (region = 0; region < nr; region++)
		KUNIT_EXPECT_EQ(test, known(test, 1000 + region),
				DM_LOG_SYNC_KNOWN | region % 2);

	dm_log_answers_new_pass(answers);
	KUNIT_EXPECT_EQ(test, answers->nr_slots, 2 * FIRST_SLOTS);
	KUNIT_EXPECT_EQ(test, fill(answers, 1000), 2 * FIRST_SLOTS / 4 * 3);
}

/* Only passes that needed more make it grow, and there is an end to it. */
static void answers_growth(struct kunit *test)
{
	struct dm_log_answers *answers = test->priv;
	int pass;

	for (pass = 0; pass < 10; pass++) {
		note(test, pass, DM_LOG_REMOTE_IDLE);
		dm_log_answers_new_pass(answers);
	}
	KUNIT_EXPECT_EQ(test, answers->nr_slots, FIRST_SLOTS);

	for (pass = 0; pass < 12; pass++) {
		fill(answers, get_random_u32());
		dm_log_answers_new_pass(answers);
	}
	KUNIT_EXPECT_EQ(test, answers->nr_slots, LAST_SLOTS);
	KUNIT_EXPECT_EQ(test, fill(answers, 0), LAST_SLOTS / 4 * 3);
}

/* An old slot must not look new when the number of the pass starts again. */
static void answers_pass_wraps(struct kunit *test)
{
	struct dm_log_answers *answers = test->priv;
	u64 region;

	for (region = 0; region < 100; region++)
		note(test, region, DM_LOG_SYNC_KNOWN);
	/* 2^32 - 2 passes later, and one more. */
	KUNIT_EXPECT_EQ(test, answers->pass, 1);
	answers->pass = U32_MAX;
	answers->nr_used = 0;
	for (region = 50; region < 150; region++)
		note(test, region, DM_LOG_SYNC_KNOWN);
	dm_log_answers_new_pass(answers);
	KUNIT_EXPECT_NE(test, answers->pass, 0);
	for (region = 0; region < 150; region++)
		KUNIT_EXPECT_EQ(test, known(test, region), 0);
}

/* Idle passes cost nothing, and are not counted. */
static void answers_idle_passes(struct kunit *test)
{
	struct dm_log_answers *answers = test->priv;
	u32 pass = answers->pass;
	int i;

	for (i = 0; i < 100; i++)
		dm_log_answers_new_pass(answers);
	KUNIT_EXPECT_EQ(test, answers->pass, pass);
}

static struct kunit_case dm_log_answers_cases[] = {
	KUNIT_CASE(answers_hold_for_the_pass),
	KUNIT_CASE(answers_end_with_the_pass),
	KUNIT_CASE(answers_full),
	KUNIT_CASE(answers_growth),
	KUNIT_CASE(answers_pass_wraps),
	KUNIT_CASE(answers_idle_passes),
	{}
};

static struct kunit_suite dm_log_answers_suite = {
	.name = "dm_log_answers",
	.init = answers_test_init,
	.exit = answers_test_exit,
	.test_cases = dm_log_answers_cases,
};

kunit_test_suite(dm_log_answers_suite);
