/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dm-log-testd, a daemon that keeps dirty logs of type "userspace".
 *
 *	dm-log-testd.c	connector, requests, answers, trace
 *	testd-log.c	the logs themselves, in memory and on a device
 *	testd-faults.c	wrong answers on purpose, for tests; not a part of the example
 */
#ifndef TESTD_H
#define TESTD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <linux/connector.h>
#include <linux/dm-log-userspace.h>

/* As much as cn_msg.len, a __u16, can say. Only a fault needs nearly that much. */
#define TESTD_MAX_MESSAGE	UINT16_MAX
#define TESTD_MAX_PAYLOAD	(TESTD_MAX_MESSAGE - sizeof(struct dm_ulog_request))

/* A request or an answer with room for its payload, aligned, unlike on the wire. */
union testd_message {
	struct dm_ulog_request rq;
	char room[TESTD_MAX_MESSAGE + 1];
};

/* The payload as numbers, which is what all but CTR and STATUS_INFO have there. */
__u64 testd_get_u64(const struct dm_ulog_request *rq, unsigned int index);
void testd_put_u64(struct dm_ulog_request *rq, unsigned int index, __u64 value);

/* A line that begins with # in the trace, printf style. */
void testd_note(const char *format, ...);

/* --- testd-log.c; functions that return int return 0 or a negative errno --- */

struct testd_log;

int testd_log_create(const struct dm_ulog_request *rq);
void testd_log_destroy(struct testd_log *log);
/* The log that a request is for, or NULL. */
struct testd_log *testd_log_find(const struct dm_ulog_request *rq);

int testd_log_resume(struct testd_log *log);
void testd_log_presuspend(struct testd_log *log);
int testd_log_postsuspend(struct testd_log *log);
int testd_log_flush(struct testd_log *log);

bool testd_log_has_region(const struct testd_log *log, __u64 region);
bool testd_log_is_in_sync(const struct testd_log *log, __u64 region);
bool testd_log_is_clean(const struct testd_log *log, __u64 region);
void testd_log_mark(struct testd_log *log, __u64 region);
void testd_log_clear(struct testd_log *log, __u64 region);
void testd_log_set_sync(struct testd_log *log, __u64 region, bool in_sync);
bool testd_log_resync_work(struct testd_log *log, __u64 *region);

__u32 testd_log_region_sectors(const struct testd_log *log);
__u64 testd_log_sync_count(const struct testd_log *log);
/* All regions below this one are in sync. */
__u64 testd_log_sync_hint(struct testd_log *log);
/* The device as "major:minor", or NULL for a log in memory. */
const char *testd_log_device(const struct testd_log *log);
/* As snprintf(): the length of the status without the NUL. */
int testd_log_status(const struct testd_log *log, char *text, size_t size);

/* --- testd-faults.c --- */

struct testd_fault;

/* Forget the faults that there are and read others from a file. */
void testd_faults_load(const char *path);
/* What is to go wrong with this request, or NULL. Counts. */
const struct testd_fault *testd_fault_for(const struct dm_ulog_request *rq, const char *type);
/* Is the request to be carried out at all? May not return. */
bool testd_fault_serve(const struct testd_fault *fault);
/* Send the answer in the way the fault wants it. */
void testd_fault_send(const struct testd_fault *fault, const struct dm_ulog_request *rq,
		      union testd_message *answer);
/*
 * Until the answers that are held back, in milliseconds, -1 if there is none; and send what
 * is due, or all of them.
 */
int testd_faults_timeout(void);
void testd_faults_send_held(bool all);
/* Is the daemon to read no more requests? */
bool testd_faults_frozen(void);

/* --- dm-log-testd.c, for faults --- */

int testd_open_socket(bool listen);
/* Send the first @len bytes behind a cn_msg with @seq and @ack; -1 and errno if it fails. */
int testd_send(int fd, __u32 seq, __u32 ack, const union testd_message *answer, size_t len);
/* The socket that requests come from and answers go to. */
extern int testd_socket;
void testd_trace(char direction, const char *type, const struct dm_ulog_request *rq);

#endif /* TESTD_H */
