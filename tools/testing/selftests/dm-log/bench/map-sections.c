// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long the region map keeps interrupts and preemption off, that is how long it holds its
 * lock at most: the kernel's own source, compiled for a program (scripts/map-speed
 * --sections). On a real-time kernel that must not grow with the size of the mirror.
 *
 * Time is counted in cycles of the machine's clock. Others may use the machine, too, and
 * interrupt a section: so one of a hundred is left out, if an operation has so many, and of
 * many rounds the best counts.
 */

#define ROUNDS		5
#define MAX_SECTIONS	262144
#define MAX_GROWTH	3	/* the goal: times the longest section of the smallest map */

static u64 begun, took[MAX_SECTIONS];
static unsigned int nr_sections;
static struct dm_regions map;

static void in_section(bool begins)
{
	u64 now = __builtin_ia32_rdtsc();

	if (begins)
		begun = now;
	else if (nr_sections < MAX_SECTIONS)
		took[nr_sections++] = now - begun;
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return (x > y) - (x < y);
}

static u64 longest(void)
{
	qsort(took, nr_sections, sizeof(*took), compare);
	return nr_sections ? took[nr_sections - 1 - nr_sections / 100] : 0;
}

static u64 bits[DM_REGIONS_CHUNK_U64S];

static void load(void)
{
	dm_regions_load(&map, map.nr_chunks - 1, bits, false);
}

static void image(void)
{
	dm_regions_image(&map, map.nr_chunks / 2, bits,
			 dm_regions_chunk_u64s(&map, map.nr_chunks / 2));
}

static void write(void)
{
	unsigned long i;

	for (i = 0; i < 4096; i++)
		dm_regions_mark(&map, map.nr_regions - 1 - i);
	for (i = 0; i < 4096; i++)
		dm_regions_clear(&map, map.nr_regions - 1 - i);
}

static void clean(void)
{
	dm_regions_forget_recent(&map);
	dm_regions_clean(&map, true);
}

static void stale(void)
{
	dm_regions_has_stale(&map);
	dm_regions_pend_stale(&map);
}

static void commit(void)
{
	unsigned long chunk = dm_regions_next_pending(&map, 0);

	if (chunk < map.nr_chunks)
		dm_regions_take(&map, chunk, 1);
	dm_regions_committed(&map);
}

static void pend_all(void)
{
	dm_regions_pend_all(&map);
}

static void fill(void)
{
	dm_regions_fill(&map, DM_REGION_NOSYNC);
	dm_regions_fill(&map, DM_REGION_CLEAN);
}

static void restart(void)
{
	dm_regions_restart(&map);
}

static const struct {
	const char *name;
	void (*run)(void);
} operations[] = {
	{ "write", write },
	{ "clean", clean },
	{ "stale", stale },
	{ "commit", commit },
	{ "image", image },
	{ "load", load },
	{ "restart", restart },
	{ "pend_all", pend_all },
	{ "fill", fill },
};

/* Return: the longest section of all operations, in cycles. */
static u64 measure(u64 nr_regions)
{
	u64 best[ARRAY_SIZE(operations)], most = 0;
	unsigned int i, n;

	if (dm_regions_init(&map, nr_regions, DM_REGION_CLEAN, true)) {
		fprintf(stderr, "map-sections: no memory for %lu regions\n", nr_regions);
		exit(1);
	}
	memset(best, 0xff, sizeof(best));
	/* The first round gets the memory. */
	for (n = 0; n <= ROUNDS; n++) {
		for (i = 0; i < ARRAY_SIZE(operations); i++) {
			u64 cycles;

			nr_sections = 0;
			operations[i].run();
			cycles = longest();
			if (n && cycles < best[i])
				best[i] = cycles;
		}
	}
	dm_regions_exit(&map);

	printf("%10lu regions:", nr_regions);
	for (i = 0; i < ARRAY_SIZE(operations); i++) {
		printf(" %s %lu", operations[i].name, best[i]);
		if (best[i] > most)
			most = best[i];
	}
	printf("; longest %lu cycles\n", most);
	return most;
}

int main(void)
{
	u64 small = measure(1UL << 18), large = measure(1UL << 28), huge = measure(1UL << 31);
	bool grows = large > MAX_GROWTH * small || huge > MAX_GROWTH * small;

	printf("goal: at most %u times the longest of the small map: %s\n", MAX_GROWTH,
	       grows ? "NO" : "yes");
	return grows ? 3 : 0;
}
