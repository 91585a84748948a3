// SPDX-License-Identifier: GPL-2.0
/*
 * Device-mapper ioctls during which one allocation fails:
 *
 *	fail-nth load NAME TABLE-LINE
 *	fail-nth resume NAME N
 *
 * "load" loads the table over and over: at first the first allocation fails, then the
 * second, until there are none left to fail. After each the device must have a new table
 * or, after an error, none; and after every tenth the same table must be accepted, as it
 * is by what comes next but for one allocation. The device, which has no new table before,
 * has none in the end. Exit status 1 if it is not so.
 *
 * "resume" does so once, with the Nth allocation.
 *
 * For each failure a line is printed, for the run in which nothing failed "end ERROR":
 *
 *	N ERROR PLACE
 *
 * ERROR is the name of the ioctl's errno, or 0. PLACE is who did not get memory, by the
 * kernel's messages: MODULE:FUNCTION of the innermost function that is in a module,
 * "kernel" if none is, "silent" if there is no trace, as for callers that ask for none
 * (__GFP_NOWARN). Without a trace, dm_log:constructor if dm-mirror says so.
 *
 * A program and not the shell, so that nothing else can fail in between, and because
 * there are hundreds. See Documentation/fault-injection/fault-injection.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/dm-ioctl.h>

#define ARGUMENT_BYTES	16384

/* What goes to the kernel, and room for what comes back. */
static union {
	struct dm_ioctl head;
	char room[ARGUMENT_BYTES];
} argument;

static const char *name;
static int control, fail_nth, kmsg;

static void die(const char *what)
{
	fprintf(stderr, "fail-nth: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void usage(void)
{
	fputs("expected: fail-nth load NAME TABLE-LINE, or fail-nth resume NAME N\n", stderr);
	exit(2);
}

static int open_or_die(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		die(path);
	return fd;
}

/*
 * The ioctls
 */

static void copy_or_die(char *to, size_t size, const char *from)
{
	if (strlen(from) >= size) {
		errno = ENAMETOOLONG;
		die(from);
	}
	memcpy(to, from, strlen(from) + 1);
}

static void set_head(void)
{
	struct dm_ioctl *head = &argument.head;

	memset(head, 0, sizeof(*head));
	head->version[0] = DM_VERSION_MAJOR;
	head->data_size = sizeof(argument);
	head->data_start = sizeof(*head);
	copy_or_die(head->name, sizeof(head->name), name);
}

/* "START LENGTH TARGET PARAMETERS", as dmsetup takes it. */
static void set_table(const char *line)
{
	struct dm_target_spec *spec = (void *)(argument.room + sizeof(argument.head));
	char *parameters = (char *)(spec + 1);
	unsigned long long start, length;
	int used = 0;

	if (sscanf(line, "%llu %llu %15s %n", &start, &length, spec->target_type, &used) != 3 ||
	    !used) {
		errno = EINVAL;
		die(line);
	}
	spec->sector_start = start;
	spec->length = length;
	copy_or_die(parameters, argument.room + sizeof(argument) - parameters, line + used);
	argument.head.target_count = 1;
}

/* The table is where set_table() put it; others do not look at it. */
static int do_ioctl(unsigned long request)
{
	return ioctl(control, request, &argument) ? errno : 0;
}

static int load(const char *line)
{
	set_head();
	set_table(line);
	return do_ioctl(DM_TABLE_LOAD);
}

static int resume(void)
{
	set_head(); /* without the flag that says suspend */
	return do_ioctl(DM_DEV_SUSPEND);
}

static int has_new_table(void)
{
	set_head();
	if (do_ioctl(DM_DEV_STATUS))
		die(name);
	return !!(argument.head.flags & DM_INACTIVE_PRESENT_FLAG);
}

static void clear(void)
{
	set_head();
	if (do_ioctl(DM_TABLE_CLEAR))
		die(name);
}

/*
 * The stack trace
 */

/*
 * A function of a module in a line of a trace, "... function+0x1/0x2 [module]".
 * Afterwards the line is in pieces.
 */
static const char *module_function(char *line)
{
	static char place[256];
	char *plus = strstr(line, "+0x"), *module, *end, *function;

	/* With a question mark, it just happens to be on the stack. */
	if (!plus || strstr(line, " ? "))
		return NULL;
	module = strstr(plus, " [");
	end = module ? strchr(module, ']') : NULL;
	if (!end)
		return NULL;
	*end = '\0';
	*plus = '\0';
	function = strrchr(line, ' ');
	snprintf(place, sizeof(place), "%.63s:%.127s", module + 2,
		 function ? function + 1 : line);
	return place;
}

/* By the records of the kernel's log, from where it stands to its end. */
static const char *find_place(void)
{
	const char *place = "silent", *function;
	int in_trace = 0, found = 0;
	char record[8192];
	ssize_t n;

	for (;;) {
		n = read(kmsg, record, sizeof(record) - 1);
		if (n < 0 && errno == EPIPE) /* overwritten meanwhile */
			continue;
		if (n <= 0)
			return place;
		/* "PRIORITY,NUMBER,TIME,FLAGS;TEXT\n", then what we don't need */
		record[n] = '\0';
		record[strcspn(record, "\n")] = '\0';
		if (strstr(record, "FAULT_INJECTION: forcing a failure")) {
			in_trace = 1;
			place = "kernel";
		} else if (strstr(record, "Error creating mirror dirty log")) {
			if (!found)
				place = "dm_log:constructor";
		} else if (in_trace && !found) {
			function = module_function(record);
			if (function) {
				place = function;
				found = 1;
			}
		}
	}
}

/*
 * Failures
 */

static void set_fail_nth(unsigned long n)
{
	char text[32];
	int length = snprintf(text, sizeof(text), "%lu", n);

	if (lseek(kmsg, 0, SEEK_END) < 0)
		die("/dev/kmsg");
	if (pwrite(fail_nth, text, length, 0) < 0)
		die("writing fail-nth");
}

/* True if an allocation failed since it was set. Afterwards none does. */
static int has_failed(void)
{
	char left[32] = "";

	if (pread(fail_nth, left, sizeof(left) - 1, 0) <= 0)
		die("reading fail-nth");
	if (pwrite(fail_nth, "0", 1, 0) < 0)
		die("writing fail-nth");
	return !strtoul(left, NULL, 10);
}

static const char *error_name(int error)
{
	return error ? strerrorname_np(error) : "0";
}

static int wrong(unsigned long n, int error, const char *what)
{
	fprintf(stderr, "# failure %lu, result %s: %s\n", n, error_name(error), what);
	return 1;
}

static int sweep_load(const char *line)
{
	unsigned long n;
	int error;

	for (n = 1; ; n++) {
		set_fail_nth(n);
		error = load(line);
		if (!has_failed())
			break;
		printf("%lu %s %s\n", n, error_name(error), find_place());
		if (has_new_table() != !error)
			return wrong(n, error, error ? "there is a table" : "there is no table");
		if (!error)
			clear();
		if (n % 10)
			continue;
		error = load(line);
		if (error)
			return wrong(n, error, "that was the next load");
		clear();
	}
	if (!error)
		clear();
	printf("end %s\n", error_name(error));
	return 0;
}

static int resume_once(unsigned long n)
{
	int error;

	set_fail_nth(n);
	error = resume();
	if (has_failed())
		printf("%lu %s %s\n", n, error_name(error), find_place());
	else
		printf("end %s\n", error_name(error));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		usage();
	name = argv[2];
	control = open_or_die("/dev/mapper/control", O_RDWR);
	kmsg = open_or_die("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	fail_nth = open_or_die("/proc/thread-self/fail-nth", O_RDWR);

	if (!strcmp(argv[1], "load"))
		return sweep_load(argv[3]);
	if (!strcmp(argv[1], "resume") && strtoul(argv[3], NULL, 10))
		return resume_once(strtoul(argv[3], NULL, 10));
	usage();
	return 2;
}
