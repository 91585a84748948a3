/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bitmap with a summary on top: the next set bit is found in a number of
 * steps that depends on the number of levels only, never on how far away it is.
 *
 * Level 0 holds the bits; a bit of level n + 1 is set if and only if the word
 * of level n below it is not zero. The caller serialises all calls.
 */

#ifndef DM_LOG_SUMMARY_H
#define DM_LOG_SUMMARY_H

#include <linux/bitops.h>
#include <linux/types.h>

/* Enough for 2^30 bits on 32-bit machines and 2^36 on 64-bit ones. */
#define DM_LOG_SUMMARY_LEVELS	6

struct dm_log_summary {
	unsigned long nr_bits;
	unsigned int nr_levels;
	unsigned long *level[DM_LOG_SUMMARY_LEVELS];
	unsigned long nr_words[DM_LOG_SUMMARY_LEVELS];
};

int dm_log_summary_init(struct dm_log_summary *summary, unsigned long nr_bits);
void dm_log_summary_exit(struct dm_log_summary *summary);

bool dm_log_summary_set(struct dm_log_summary *summary, unsigned long bit);
bool dm_log_summary_clear(struct dm_log_summary *summary, unsigned long bit);
void dm_log_summary_set_all(struct dm_log_summary *summary);
void dm_log_summary_clear_all(struct dm_log_summary *summary);
unsigned long dm_log_summary_next(const struct dm_log_summary *summary,
				  unsigned long from);

/**
 * dm_log_get_bit() - is a bit of a bitmap set?
 * @bits: the bitmap
 * @nr: the bit's number
 *
 * Not test_bit(): x86 has an instruction for bits in memory, and it is a slow one.
 *
 * Return: true if the bit is set.
 */
static __always_inline bool dm_log_get_bit(const unsigned long *bits, unsigned long nr)
{
	return bits[nr / BITS_PER_LONG] >> nr % BITS_PER_LONG & 1;
}

/**
 * dm_log_put_bit() - set a bit of a bitmap
 * @bits: the bitmap
 * @nr: the bit's number
 */
static __always_inline void dm_log_put_bit(unsigned long *bits, unsigned long nr)
{
	bits[nr / BITS_PER_LONG] |= 1UL << nr % BITS_PER_LONG;
}

/**
 * dm_log_summary_test() - is a bit set?
 * @summary: the bitmap
 * @bit: below its number of bits
 *
 * Return: true if the bit is set.
 */
static __always_inline bool
dm_log_summary_test(const struct dm_log_summary *summary, unsigned long bit)
{
	return dm_log_get_bit(summary->level[0], bit);
}

#endif /* DM_LOG_SUMMARY_H */
