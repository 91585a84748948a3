// SPDX-License-Identifier: GPL-2.0-only
/*
 * A cluster of mirrors with LVM's cmirrord, in one program.
 *
 *	replicas FOLDER [nodes_seed=SEED] [nodes_passes=N] [PARAMETER=VALUE...] [-v]
 *
 * It is KUnit's dm_log_nodes (drivers/md/dm-log/tests/nodes_kunit.c) outside of a kernel, with
 * the userspace log as it is, but with cmirrords in place of the model of one. FOLDER is where
 * their shared objects are. Parameters are the KUnit module's; with nodes_passes=0
 * nodes_tell=1 the story that begins with the seed is told, with -v also what kernel and
 * daemons have to say. scripts/replicas builds it and runs it.
 *
 * shim.h	what the kernel is to the log and to the test
 * shim.c	the rest of that, the registry's part, and main()
 * replicas.c	takes the place of tests/fake-cluster.c
 * cmirrord.c	what is around the daemons: cluster, kernel, disk, clock, memory
 * peek.c	a part of each daemon: functions.c with a window
 *
 * It exits with 1 if a story broke a rule, with 3 if a daemon did what the model of it does
 * not, and prints what was met.
 */

#include <linux/dm-dirty-log.h>

#include "common.h"
#include "private.h"
#include "types.h"
#include "ulog.h"

#include "cmirrord.h"
#include "replicas.h"

bool shim_verbose;
u64 shim_now = 1000000;
struct task_struct shim_current;
struct kunit shim_test;
const char *replicas_folder;

void shim_die(const char *what, const char *file, int line, const char *more)
{
	printf("Bail out! %s at %s:%d: %s\n", what, file, line, more);
	fflush(stdout);
	abort();
}

void replicas_bail_out(const char *why)
{
	printf("Bail out! %s\n", why);
	exit(2);
}

u64 get_random_u64(void)
{
	FILE *f = fopen("/dev/urandom", "r");
	u64 random;

	if (!f || fread(&random, sizeof(random), 1, f) != 1)
		replicas_bail_out("no random numbers");
	fclose(f);
	return random;
}

/*
 * Time
 */

static struct delayed_work *armed;

bool shim_disarm(struct delayed_work *work)
{
	struct delayed_work **p = &armed;

	if (!work->armed)
		return false;
	while (*p != work)
		p = &(*p)->next;
	*p = work->next;
	work->armed = false;
	return true;
}

void shim_arm(struct delayed_work *work, u64 delay)
{
	shim_disarm(work);
	work->timer.expires = shim_now + delay;
	work->armed = true;
	work->next = armed;
	armed = work;
}

/* Go on to what is next, and do it. Return: false if it is the end of the wait. */
bool shim_next(u64 until)
{
	struct delayed_work *work, *first = NULL;

	for (work = armed; work; work = work->next)
		if (work->timer.expires <= until &&
		    (!first || work->timer.expires < first->timer.expires))
			first = work;
	if (!first) {
		shim_now = max(shim_now, until);
		return false;
	}
	shim_now = max(shim_now, (u64)first->timer.expires);
	shim_disarm(first);
	first->work.func(&first->work);
	return true;
}

void shim_sleep(u64 until)
{
	while (shim_next(until))
		;
}

/*
 * KUnit's static stubs, and module parameters
 */

static struct {
	void *function;
	void *replacement;
} stubs[16];

void *shim_stub(void *function)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(stubs); i++)
		if (stubs[i].function == function)
			return stubs[i].replacement;
	return NULL;
}

void shim_set_stub(void *function, void *replacement)
{
	unsigned int i;

	for (i = 0; stubs[i].function && stubs[i].function != function; i++)
		if (i + 1 == ARRAY_SIZE(stubs))
			replicas_bail_out("too many stubs");
	stubs[i].function = function;
	stubs[i].replacement = replacement;
}

static struct shim_param *params;

void shim_add_param(struct shim_param *param)
{
	param->next = params;
	params = param;
}

static bool set_param(const char *name, size_t length, u64 value)
{
	const struct shim_param *p;

	for (p = params; p; p = p->next)
		if (strlen(p->name) == length && !strncmp(p->name, name, length)) {
			memcpy(p->value, &value, p->size);
			return true;
		}
	return false;
}

static void set_params(int argc, char **argv)
{
	int i;

	/* It costs nothing to wait, and there is one kind of daemon. */
	if (!set_param("nodes_virtual", strlen("nodes_virtual"), 1) ||
	    !set_param("nodes_daemon", strlen("nodes_daemon"), 1))
		replicas_bail_out("the test has other parameters now");
	for (i = 2; i < argc; i++) {
		const char *equals = strchr(argv[i], '=');

		if (!strcmp(argv[i], "-v")) {
			shim_verbose = true;
			cmirrord_verbose = true;
		} else if (!equals || !set_param(argv[i], equals - argv[i],
						 strtoull(equals + 1, NULL, 0))) {
			fprintf(stderr, "replicas: no such parameter: %s\n", argv[i]);
			exit(2);
		}
	}
}

/*
 * registry.c and logs.c, as far as one type needs them
 */

unsigned int dm_log_daemon_timeout_s;

void dm_log_raise_event(struct dm_target *ti)
{
	KUNIT_STATIC_STUB_REDIRECT(dm_log_raise_event, ti);
}

void dm_logs_add(struct dm_log_common *common)
{
}

void dm_logs_remove(struct dm_log_common *common)
{
}

struct dm_dirty_log *dm_dirty_log_create(const char *type_name, struct dm_target *ti,
					 int (*flush_callback_fn)(struct dm_target *ti),
					 unsigned int argc, char **argv)
{
	struct dm_dirty_log *log = calloc(1, sizeof(*log));

	log->type = &dm_log_userspace_type;
	log->flush_callback_fn = flush_callback_fn;
	if (!log->type->ctr(log, ti, argc, argv))
		return log;
	free(log);
	return NULL;
}

void dm_dirty_log_destroy(struct dm_dirty_log *log)
{
	log->type->dtr(log);
	free(log);
}

static void run(struct kunit_suite *suite)
{
	const struct kunit_case *c;

	for (c = suite->test_cases; c->run_case; c++) {
		const void *param = NULL;

		while ((param = c->generate_params(param, NULL)) && !shim_test.failed) {
			shim_test.param_value = param;
			suite->init(&shim_test);
			c->run_case(&shim_test);
			suite->exit(&shim_test);
		}
	}
}

static void tell_replicas(void)
{
	const struct replicas *r = &replicas;
	unsigned int i;

	printf("# cmirrord: %llu requests, %llu not asked, %llu starts,",
	       r->requests, r->not_asked, r->starts);
	printf(" %llu disk writes, %llu of them failed\n", r->disk_writes, r->disk_failures);
	for (i = 0; i < ARRAY_SIZE(r->difference) && r->difference[i].what; i++)
		printf("# cmirrord and its model differ%s: %s, %s: %llu\n",
		       r->difference[i].known ? "" : ", and should not",
		       dm_ulog_type_name(r->difference[i].type), r->difference[i].what,
		       r->difference[i].count);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2) {
		fprintf(stderr, "usage: replicas FOLDER [PARAMETER=VALUE...] [-v]\n");
		return 2;
	}
	replicas_folder = argv[1];
	set_params(argc, argv);
	if (dm_log_userspace_init())
		replicas_bail_out("the log does not begin");
	run(shim_suite);
	tell_replicas();
	return shim_test.failed ? 1 : replicas.unknown ? 3 : 0;
}
