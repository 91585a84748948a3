/* SPDX-License-Identifier: LGPL-2.0+ WITH Linux-syscall-note */
/*
 * The protocol between a device-mapper dirty log of type "userspace" and the
 * daemon that keeps it.
 *
 * Names, numbers and layout are those of the Linux kernel's header of this name,
 * Copyright (C) 2006-2009 Red Hat, Inc.
 */

#ifndef __DM_LOG_USERSPACE_H__
#define __DM_LOG_USERSPACE_H__

#include <linux/types.h>
#include <linux/dm-ioctl.h>	/* DM_UUID_LEN */

/**
 * DOC: userspace log protocol
 *
 * The kernel asks, the daemon answers. Every operation of a log (see
 * include/linux/dm-dirty-log.h) that the kernel cannot serve by itself becomes
 * one request, and every request wants one answer.
 *
 * **Transport.** Netlink, protocol NETLINK_CONNECTOR. The kernel multicasts to
 * group CN_IDX_DM; the daemon binds a datagram socket to that group and sends its
 * answers to the kernel (port 0). They are accepted from a process with
 * CAP_SYS_ADMIN only. A message is::
 *
 *	offset	size
 *	0	16	struct nlmsghdr		type NLMSG_DONE
 *	16	20	struct cn_msg		id { CN_IDX_DM, CN_VAL_DM_USERSPACE_LOG }
 *	36	160	struct dm_ulog_request
 *	196	...	data_size bytes of payload
 *
 * The request begins at an offset that is not a multiple of 8: copy it before
 * using it on a machine that minds. All numbers are in the machine's own byte
 * order. Bytes without a meaning are 0. A request carries at most 332 bytes of
 * payload.
 *
 * **Answers.** Send the request back with the same luid, uuid, seq and
 * request_type, with error set and with the payload of the answer, and set
 * cn_msg.seq to the request's seq and cn_msg.len to 160 + data_size. An answer
 * that needs no payload may be shorter: a cn_msg with len 0, whose seq names the
 * request and whose ack is 0 or a positive errno. That tells the kernel that the
 * request was taken over, not that it has been carried out.
 *
 * @error is 0 or a *negative* errno. An answer whose payload is larger than what
 * the request type allows is an error (-ENOSPC), and nothing of it is used; so is a
 * smaller one where the type demands a number. An answer that belongs to another
 * request than the one with its seq is not heard; luid may be 0 in it.
 *
 * **Order.** The kernel may send several requests before the first is answered. Carry
 * them out in the order in which they come; answer in any order.
 *
 * **Retries.** A request that is not answered for 15 seconds is sent again with
 * another seq; the daemon must be prepared to carry out a request twice. -EAGAIN
 * asks for that at once. If no process listens, CTR, DTR, PRESUSPEND, POSTSUSPEND
 * and RESUME fail with -ESRCH; for the others the kernel waits for a daemon.
 *
 * **Restarts.** A daemon that was started later than the log does not know it: the
 * kernel notices by an error, by the address of the sender, or because the old
 * socket was closed. It sends GET_REGION_SIZE; if that is answered with an error,
 * CTR (after DTR, if CTR is answered with an error) and, for a log that is live,
 * RESUME; then MARK_REGION and FLUSH for all regions that it holds marked. Then the
 * request is repeated. Do not answer for a log that you do not know.
 *
 * **Identity.** @uuid names the log and is the same on all nodes that share it.
 * @luid tells instances on one node apart: while a table is replaced, two exist
 * with the same uuid. A request is for the log with both.
 *
 * **Regions** are numbered from 0. A region is *marked* while a write to it may
 * be in flight; it is *in sync* if all legs hold the same data there, writes in
 * flight aside. What may not be lost: when FLUSH has been answered with 0, every
 * mark that was sent before is on stable storage.
 *
 * Errors that any request can have: -EINVAL or -ENOENT if the log is not known,
 * -ENOMEM, -EIO if the log's storage failed. "Worker" below is the mirror's one
 * thread, which waits for the answer; all I/O that needs it waits as well.
 */

/*
 * DM_ULOG_CTR - make a log
 *
 * Request: a string of up to data_size characters: the target's length in sectors,
 *	and the words of the table line that follow the uuid (and the word
 *	integrated_flush, which the kernel keeps to itself), separated by single
 *	blanks. Not NUL-terminated; earlier kernels include a NUL when they repeat
 *	it for a new daemon. Repeated for a log that was live before, it lacks a
 *	sync or nosync at its end: the daemon goes on with the log that it finds.
 * Answer: empty, or the NUL-terminated name of the device that holds the log, as
 *	a path or "major:minor", of at most 128 bytes. The kernel opens it on
 *	behalf of the table, so that it shows up as a dependency and cannot go
 *	away.
 * Errors: -EINVAL for bad arguments or a log that exists already.
 *
 * Sent when a table is loaded, before anything else about this log, and again to
 * a daemon that was started later. The log must remember uuid and luid. Its
 * regions are not used before RESUME.
 */
#define DM_ULOG_CTR			1

/*
 * DM_ULOG_DTR - forget a log
 *
 * Request: empty. Answer: empty.
 *
 * Sent when a table is destroyed, the last request for this uuid and luid; also
 * for a log that was never resumed.
 */
#define DM_ULOG_DTR			2

/*
 * DM_ULOG_PRESUSPEND - a suspend begins
 *
 * Request: empty. Answer: empty.
 *
 * Recovery by this node has stopped; writes may still be in flight, so that marks,
 * clears and flushes can follow. An error is reported and otherwise ignored.
 */
#define DM_ULOG_PRESUSPEND		3

/*
 * DM_ULOG_POSTSUSPEND - a suspend ends
 *
 * Request: empty. Answer: empty.
 *
 * All I/O of this node has ended. Before it answers, the daemon must have stored
 * what it was told: the storage may be used by another table next. An error is
 * reported and otherwise ignored.
 */
#define DM_ULOG_POSTSUSPEND		4

/*
 * DM_ULOG_RESUME - I/O begins
 *
 * Request: empty. Answer: empty.
 *
 * Sent for a new log and after every suspend, before I/O is admitted. The daemon
 * reads the stored log; regions that were marked then are out of sync now, if no
 * other node has them marked. The search for regions to recover starts again. An
 * error is reported, but the mirror goes live all the same.
 */
#define DM_ULOG_RESUME			5

/*
 * DM_ULOG_GET_REGION_SIZE - how large is a region?
 *
 * Request: empty.
 * Answer: __u64, in sectors: a power of two from 2 to 2^31, not more than the
 *	target's length. The same answer for the life of the log.
 *
 * Sent right after CTR. An error makes loading the table fail.
 */
#define DM_ULOG_GET_REGION_SIZE		6

/*
 * DM_ULOG_IS_CLEAN - is a region in sync and free of writes in flight?
 *
 * Request: __u64, the region.
 * Answer: __s64, 1 yes, 0 no. An error counts as 0.
 *
 * No target asks for this at present.
 */
#define DM_ULOG_IS_CLEAN		7

/*
 * DM_ULOG_IN_SYNC - do all legs hold the same data?
 *
 * Request: __u64, the region.
 * Answer: __s64, 1 yes, 0 no; no other value.
 *
 * Sent by the worker for regions that are read, and together with
 * IS_REMOTE_RECOVERING for those that are written to. A region for which 0 is answered
 * is read from the first leg only. Do not answer 0 for a log that is not known: answer
 * an error.
 */
#define DM_ULOG_IN_SYNC			8

/*
 * DM_ULOG_FLUSH - make all marks durable
 *
 * Request: empty; or, for a log that was made with integrated_flush, __u64[], the
 *	regions to mark first, as for MARK_REGION.
 * Answer: empty; no error unless all marks are on stable storage.
 *
 * Sent by the worker before it issues writes that follow a MARK_REGION, and at
 * leisure after a CLEAR_REGION. An error stands: no mark counts then, and FLUSH is not
 * sent again before the next RESUME, or to another daemon. The writes are held back, if
 * the mirror handles errors, and an event is raised.
 */
#define DM_ULOG_FLUSH			9

/*
 * DM_ULOG_MARK_REGION - writes to these regions are about to start
 *
 * Request: __u64[], data_size / 8 regions, 1 to 32 of them.
 * Answer: empty.
 *
 * Sent by the worker, before FLUSH. The writes are issued after that FLUSH has been
 * answered. Marking a region that is marked changes nothing. Not sent again while the
 * region stays marked, but for logs of a cluster (their words begin with "clustered"),
 * every few seconds. Not sent for a log that was made with integrated_flush, see
 * there.
 */
#define DM_ULOG_MARK_REGION		10

/*
 * DM_ULOG_CLEAR_REGION - all writes to these regions have ended
 *
 * Request: __u64[], data_size / 8 regions, 1 to 32 of them.
 * Answer: empty. The short form will do: nothing depends on when it is done.
 *
 * Sent some time after the last write to the regions, when their legs have been
 * flushed, and followed by a FLUSH. Also for regions that were recovered. The stored bit may
 * become clean only if the region is in sync and no other node has it marked.
 */
#define DM_ULOG_CLEAR_REGION		11

/*
 * DM_ULOG_GET_RESYNC_WORK - which region is to be recovered next?
 *
 * Request: empty.
 * Answer: { __s64 i; __u64 r; }: i is 1 and r a region less than the number of
 *	regions, which counts as being recovered by this node from now on; or i is
 *	0 and there is nothing to do.
 *
 * Sent by the worker whenever it could recover a region; never between PRESUSPEND
 * and RESUME. When all regions are in sync it is sent until the answer is 0, and not any
 * more before the next RESUME, or a failure on this node. On all nodes together a region
 * may be given out once only.
 */
#define DM_ULOG_GET_RESYNC_WORK		12

/*
 * DM_ULOG_SET_REGION_SYNC - recovery has ended, or a leg has failed
 *
 * Request: { __u64 region; __s64 in_sync; }: 1 if the legs hold the same data now,
 *	0 if not.
 * Answer: empty.
 *
 * Sent by the worker. Ends the recovery of the region on this node. Comes between the
 * MARK_REGION for what was copied and a FLUSH, and before the CLEAR_REGION that lets the
 * stored bit become clean.
 */
#define DM_ULOG_SET_REGION_SYNC		13

/*
 * DM_ULOG_GET_SYNC_COUNT - how many regions are in sync?
 *
 * Request: empty.
 * Answer: __u64, from 0 to the number of regions. An error counts as 0.
 *
 * Sent after RESUME, for every status line, and by the worker: while it has not seen all
 * regions in sync, and up to ten times a second while there are writes. As long as all
 * are, it does not ask for single ones before it writes.
 */
#define DM_ULOG_GET_SYNC_COUNT		14

/*
 * DM_ULOG_STATUS_INFO - the log's part of the mirror's status line
 *
 * Request: empty.
 * Answer: a string: the number of words that follow, and these words, the first
 *	being the name of the log type, e.g. "3 clustered-disk 253:2 A". The NUL
 *	may be left out: data_size tells the length.
 *
 * Sent for a status ioctl, also about a table that is loaded but not live. On an
 * error the status line says "1 COM_FAILURE".
 */
#define DM_ULOG_STATUS_INFO		15

/*
 * DM_ULOG_STATUS_TABLE - reserved
 *
 * Never sent: the kernel knows the table line. A daemon that gets it all the same
 * answers like STATUS_INFO.
 */
#define DM_ULOG_STATUS_TABLE		16

/*
 * DM_ULOG_IS_REMOTE_RECOVERING - does another node recover this region?
 *
 * Request: __u64, the region.
 * Answer: { __s64 is_recovering; __u64 in_sync_hint; }: is_recovering is 1 if a
 *	write to the region has to wait, 0 if not. in_sync_hint is the number of regions,
 *	or one less, if the search for regions to recover has come to its end, so that none
 *	will be given out before a RESUME: a write does not wait for long then. Otherwise
 *	it is smaller. An error counts as 1.
 *
 * Sent by the worker for writes while not all regions are in sync. After an answer of 1
 * the write is tried again a little later. So is one to a region that is not in sync, if
 * the answer is 0 and the number of regions: the log is being suspended by another node.
 */
#define DM_ULOG_IS_REMOTE_RECOVERING	17

/*
 * The low 8 bits of dm_ulog_request.request_type are one of the numbers above. The
 * other 24 are 0 today and reserved: ignore them, and send them back as they came.
 */
#define DM_ULOG_REQUEST_MASK 0xFF
#define DM_ULOG_REQUEST_TYPE(request_type) \
	(DM_ULOG_REQUEST_MASK & (request_type))

/*
 * The version of all this, which the kernel puts into every request:
 *	1	the first one
 *	2	the answer to CTR may name a device
 *	3	FLUSH may carry regions to mark, for logs that ask for it with the
 *		word integrated_flush
 * A daemon may serve a later version than it knows, as far as it does not depend
 * on what was added.
 */
#define DM_ULOG_REQUEST_VERSION 3

/**
 * struct dm_ulog_request - a request or an answer
 * @luid: tells logs with the same uuid apart; unique on this node, no meaning
 *	otherwise
 * @uuid: the log's name from the table line, NUL-terminated
 * @padding: 0
 * @version: DM_ULOG_REQUEST_VERSION of the sender
 * @error: in an answer: 0 or a negative errno; in a request 0
 * @seq: number of the request; an answer repeats it
 * @request_type: one of DM_ULOG_*, see DM_ULOG_REQUEST_TYPE()
 * @data_size: bytes of payload in @data
 * @data: the payload, which depends on the request type
 *
 * 160 bytes without the payload, at the same offsets on all machines.
 */
struct dm_ulog_request {
	__u64 luid;
	char uuid[DM_UUID_LEN];
	char padding[3];

	__u32 version;
	__s32 error;

	__u32 seq;
	__u32 request_type;
	__u32 data_size;

	char data[];
};

/*
 * The layout is ABI. Another one does not compile, in any C or C++: there is no
 * array of a negative size.
 */
#define __DM_ULOG_OFFSET(member) \
	__builtin_offsetof(struct dm_ulog_request, member)
typedef char __dm_ulog_layout_check[sizeof(struct dm_ulog_request) == 160 &&
	__DM_ULOG_OFFSET(luid) == 0 &&
	__DM_ULOG_OFFSET(uuid) == 8 &&
	__DM_ULOG_OFFSET(version) == 140 &&
	__DM_ULOG_OFFSET(error) == 144 &&
	__DM_ULOG_OFFSET(seq) == 148 &&
	__DM_ULOG_OFFSET(request_type) == 152 &&
	__DM_ULOG_OFFSET(data_size) == 156 &&
	__DM_ULOG_OFFSET(data) == 160 ? 1 : -1];
#undef __DM_ULOG_OFFSET

#endif /* __DM_LOG_USERSPACE_H__ */
