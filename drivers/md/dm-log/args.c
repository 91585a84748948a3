// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arguments that the log types of this module share. See args.h.
 */

#include <linux/device-mapper.h>
#include <linux/kstrtox.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "args.h"

#define DM_MSG_PREFIX "dirty region log"

static const char * const sync_words[] = {
	[DM_LOG_SYNC_FORCE] = "sync",
	[DM_LOG_SYNC_SKIP] = "nosync",
};

/* kstrtouint() would take a sign and a newline, too. */
static bool parse_decimal(const char *word, u32 *value)
{
	return strspn(word, "0123456789") == strlen(word) &&
	       !kstrtou32(word, 10, value);
}

static int parse_region_size(const char *type, const char *word, sector_t len,
			     u32 *region_sectors)
{
	u32 value;

	if (parse_decimal(word, &value) && value >= 2 && is_power_of_2(value) &&
	    value <= len) {
		*region_sectors = value;
		return 0;
	}

	DMERR("%s: bad region size '%s': expected a power of two from 2 to %llu sectors",
	      type, word, min_t(unsigned long long, len, BIT_ULL(31)));
	return -EINVAL;
}

static int parse_sync(const char *type, const char *word, enum dm_log_sync *sync)
{
	int i;

	for (i = DM_LOG_SYNC_FORCE; i < ARRAY_SIZE(sync_words); i++) {
		if (!strcmp(word, sync_words[i])) {
			*sync = i;
			return 0;
		}
	}

	DMERR("%s: unknown argument '%s': expected sync, nosync or nothing",
	      type, word);
	return -EINVAL;
}

/**
 * dm_log_parse_args() - check a log's arguments
 * @type: the type's name, for messages
 * @len: length of the target in sectors
 * @argc: number of words in @argv
 * @argv: <region size> [sync|nosync]
 * @args: filled on success
 *
 * Context: process context.
 * Return: 0, or -EINVAL after one message that says what was wrong.
 */
int dm_log_parse_args(const char *type, sector_t len, unsigned int argc,
		      char **argv, struct dm_log_args *args)
{
	int r;

	if (argc < 1 || argc > 2) {
		DMERR("%s: expected <region size> [sync|nosync], got %u argument(s)",
		      type, argc);
		return -EINVAL;
	}

	r = parse_region_size(type, argv[0], len, &args->region_sectors);
	if (r)
		return r;

	args->sync = DM_LOG_SYNC_DEFAULT;
	if (argc == 2) {
		r = parse_sync(type, argv[1], &args->sync);
		if (r)
			return r;
	}

	args->nr_regions = DIV_ROUND_UP_ULL(len, args->region_sectors);
	return 0;
}

/**
 * dm_log_nr_args() - how many words the arguments are in a table line
 * @args: the arguments
 *
 * Return: 1 or 2.
 */
unsigned int dm_log_nr_args(const struct dm_log_args *args)
{
	return args->sync == DM_LOG_SYNC_DEFAULT ? 1 : 2;
}

/**
 * dm_log_emit_args() - write the arguments as they stand in a table line
 * @args: the arguments
 * @result: where to
 * @maxlen: room in @result, including the NUL
 *
 * Return: number of characters written; every word is followed by a blank.
 */
int dm_log_emit_args(const struct dm_log_args *args, char *result,
		     unsigned int maxlen)
{
	if (args->sync == DM_LOG_SYNC_DEFAULT)
		return scnprintf(result, maxlen, "%u ", args->region_sectors);
	return scnprintf(result, maxlen, "%u %s ", args->region_sectors,
			 sync_words[args->sync]);
}
