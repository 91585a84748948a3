// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long mark, clear and in_sync take in the region map itself, in nanoseconds: the
 * kernel's own source, compiled for a program (scripts/map-speed). One thread is the
 * mirror's worker; in the second half another cleans and commits beside it, every
 * millisecond, some thousand times as often as a cleaner does.
 *
 * The map is small enough for the CPU's cache: it is code that is measured. The median
 * of many rounds is printed, and the best, since others may use the machine, too.
 */

#define NR_REGIONS	32768UL
#define NR_HOT		4096UL
#define ROUNDS		2000
#define MAX_NS		40	/* the goal, for each median; see report.py, too */

static struct dm_regions map;
static unsigned int order[NR_HOT];
static bool stop, slow;

static u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* What the cleaner does, and then a commit. */
static void clean(void)
{
	unsigned long chunk;

	dm_regions_clean(&map, false);
	dm_regions_forget_recent(&map);
	for (chunk = dm_regions_next_pending(&map, 0); chunk < map.nr_chunks;
	     chunk = dm_regions_next_pending(&map, chunk + 1)) {
		u64 bits[DM_REGIONS_CHUNK_U64S];

		dm_regions_take(&map, chunk, 1);
		dm_regions_image(&map, chunk, bits, DM_REGIONS_CHUNK_U64S);
		dm_regions_committed(&map);
	}
}

static void *cleaner(void *unused)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		clean();
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return unused;
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

static void print(const char *what, u64 *ns)
{
	qsort(ns, ROUNDS, sizeof(*ns), compare);
	slow |= ns[ROUNDS / 2] > MAX_NS * NR_HOT;
	printf("  %s %.1f (%.1f)", what, (double)ns[ROUNDS / 2] / NR_HOT,
	       (double)ns[0] / NR_HOT);
}

static void measure(const char *name)
{
	static u64 mark[ROUNDS], clear[ROUNDS], look[ROUNDS];
	unsigned long i, n, found = 0;
	u64 t[4];

	for (n = 0; n < ROUNDS; n++) {
		t[0] = now();
		for (i = 0; i < NR_HOT; i++)
			dm_regions_mark(&map, order[i]);
		t[1] = now();
		for (i = 0; i < NR_HOT; i++)
			dm_regions_clear(&map, order[i]);
		t[2] = now();
		for (i = 0; i < NR_HOT; i++)
			found += dm_regions_in_sync(&map, order[i]);
		t[3] = now();
		mark[n] = t[1] - t[0];
		clear[n] = t[2] - t[1];
		look[n] = t[3] - t[2];
	}
	if (found != ROUNDS * NR_HOT) {
		fprintf(stderr, "map-speed: a region in sync was not: %lu of %lu\n", found,
			ROUNDS * NR_HOT);
		exit(1);
	}
	printf("%-8s", name);
	print("mark", mark);
	print("clear", clear);
	print("in_sync", look);
	printf(" ns\n");
}

int main(void)
{
	unsigned long i, seed = 1;
	pthread_t thread;

	if (dm_regions_init(&map, NR_REGIONS, DM_REGION_CLEAN, true))
		return 1;
	for (i = 0; i < NR_HOT; i++) {
		seed = seed * 6364136223846793005UL + 1442695040888963407UL;
		order[i] = seed >> 33 & (NR_REGIONS - 1);
	}
	measure("alone");

	if (pthread_create(&thread, NULL, cleaner, NULL))
		return 1;
	measure("cleaner");
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);

	for (i = 0; i < NR_HOT; i++)
		if (!dm_regions_in_sync(&map, order[i]))
			return 1;
	printf("goal: at most %u ns: %s\n", MAX_NS, slow ? "NO" : "yes");
	return slow ? 3 : 0;
}
