// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bitmap with a summary on top. See summary.h.
 */

#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/vmalloc.h>

#include "summary.h"

/**
 * dm_log_summary_init() - allocate, all bits clear
 * @summary: what to set up
 * @nr_bits: number of bits, at least 1
 *
 * Context: process context, may sleep.
 * Return: 0, -ENOMEM, or -EINVAL if there are more bits than levels for them.
 */
int dm_log_summary_init(struct dm_log_summary *summary, unsigned long nr_bits)
{
	unsigned long bits = nr_bits;
	unsigned int i, n = 0;
	size_t total = 0;

	summary->nr_bits = nr_bits;
	summary->nr_levels = 0;
	summary->level[0] = NULL;

	do {
		if (n == DM_LOG_SUMMARY_LEVELS)
			return -EINVAL;
		summary->nr_words[n] = BITS_TO_LONGS(bits);
		total += summary->nr_words[n];
		bits = summary->nr_words[n++];
	} while (bits > 1);

	summary->level[0] = __vmalloc(total * sizeof(unsigned long),
				      GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	if (!summary->level[0])
		return -ENOMEM;

	for (i = 1; i < n; i++)
		summary->level[i] = summary->level[i - 1] +
				    summary->nr_words[i - 1];
	summary->nr_levels = n;
	return 0;
}

/**
 * dm_log_summary_exit() - free; also what was never or only partly set up
 * @summary: zeroed memory, or what dm_log_summary_init() was called for
 */
void dm_log_summary_exit(struct dm_log_summary *summary)
{
	vfree(summary->level[0]);
	summary->level[0] = NULL;
	summary->nr_levels = 0;
}

/**
 * dm_log_summary_set() - set a bit
 * @summary: the bitmap
 * @bit: below its number of bits
 *
 * Return: true if the bit was clear.
 */
bool dm_log_summary_set(struct dm_log_summary *summary, unsigned long bit)
{
	unsigned int i;

	if (__test_and_set_bit(bit, summary->level[0]))
		return false;

	for (i = 1; i < summary->nr_levels; i++) {
		bit /= BITS_PER_LONG;
		if (__test_and_set_bit(bit, summary->level[i]))
			break;
	}
	return true;
}

/**
 * dm_log_summary_clear() - clear a bit
 * @summary: the bitmap
 * @bit: below its number of bits
 *
 * Return: true if the bit was set.
 */
bool dm_log_summary_clear(struct dm_log_summary *summary, unsigned long bit)
{
	unsigned int i;

	if (!__test_and_clear_bit(bit, summary->level[0]))
		return false;

	for (i = 1; i < summary->nr_levels; i++) {
		bit /= BITS_PER_LONG;
		if (summary->level[i - 1][bit])
			break;
		__clear_bit(bit, summary->level[i]);
	}
	return true;
}

/**
 * dm_log_summary_set_all() - set every bit
 * @summary: the bitmap
 */
void dm_log_summary_set_all(struct dm_log_summary *summary)
{
	unsigned long bits = summary->nr_bits;
	unsigned int i;

	for (i = 0; i < summary->nr_levels; i++) {
		unsigned long words = summary->nr_words[i];

		memset(summary->level[i], 0xff, words * sizeof(unsigned long));
		summary->level[i][words - 1] = BITMAP_LAST_WORD_MASK(bits);
		bits = words;
	}
}

/**
 * dm_log_summary_clear_all() - clear every bit
 * @summary: the bitmap
 */
void dm_log_summary_clear_all(struct dm_log_summary *summary)
{
	unsigned int i;

	for (i = 0; i < summary->nr_levels; i++)
		memset(summary->level[i], 0,
		       summary->nr_words[i] * sizeof(unsigned long));
}

/**
 * dm_log_summary_next() - find the first set bit at or after a position
 * @summary: the bitmap
 * @from: where to begin; may lie beyond the end
 *
 * Goes up until a level shows something to the right, then straight down.
 *
 * Return: the bit's number, or the number of bits if none is set.
 */
unsigned long dm_log_summary_next(const struct dm_log_summary *summary,
				  unsigned long from)
{
	unsigned long bit = from;
	unsigned int i;

	if (from >= summary->nr_bits)
		return summary->nr_bits;

	for (i = 0; i < summary->nr_levels; i++) {
		unsigned long index = bit / BITS_PER_LONG;
		unsigned long word;

		if (index >= summary->nr_words[i])
			break;

		word = summary->level[i][index] & BITMAP_FIRST_WORD_MASK(bit);
		if (word) {
			bit = index * BITS_PER_LONG + __ffs(word);
			while (i--)
				bit = bit * BITS_PER_LONG +
					__ffs(summary->level[i][bit]);
			return bit;
		}
		bit = index + 1;
	}
	return summary->nr_bits;
}
