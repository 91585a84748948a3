/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of the kernel as the userspace log and its KUnit tests need, for one thread of a
 * program. It stands for all of the kernel's headers: see Makefile.
 *
 * A jiffy is a millisecond. Time stands still but while somebody waits; then it jumps to what
 * comes first, the end of the wait or a delayed work, which runs there and then. Locks are
 * not waited for, since nobody could give them up: a lock that is taken ends the program.
 */

#ifndef DM_LOG_REPLICAS_SHIM_H
#define DM_LOG_REPLICAS_SHIM_H

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

/*
 * Types, attributes, arithmetic
 */

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef int16_t s16;
typedef int32_t s32;
typedef long long s64;
typedef u8 __u8;
typedef u32 __u32;
typedef s32 __s32;
typedef u64 __u64;
typedef s64 __s64;
typedef u64 sector_t;
typedef unsigned int gfp_t;
typedef unsigned int blk_mode_t;

#define __KERNEL__			1
#define U64_MAX				(~0ULL)
#define U32_MAX				(~0U)
#define SZ_512				512
#define SZ_4K				4096
#define SZ_16K				16384
#define SZ_32K				32768
#define PAGE_SIZE			4096UL
#define BITS_PER_LONG			64
#define BITS_PER_BYTE			8
#define MAX_ERRNO			4095

#define __force
#undef __always_inline
#define __always_inline			inline __attribute__((always_inline))
#define __init
#define __exit
#define __maybe_unused			__attribute__((unused))
#define __printf(format, args)
#define fallthrough			__attribute__((fallthrough))
#define likely(x)			(x)
#define unlikely(x)			(x)
#define static_assert			_Static_assert
#define BUILD_BUG_ON(x)			((void)sizeof(char[1 - 2 * !!(x)]))
#define IS_ENABLED(option)		SHIM_##option
#define SHIM_CONFIG_DM_LOG_KUNIT_TEST	1
#define SHIM_CONFIG_DM_LOG_USERSPACE	1
#define SHIM_CONFIG_PROVE_LOCKING	0
#define SHIM_CONFIG_UML			0

#define READ_ONCE(x)			(*(volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value)		(*(volatile __typeof__(x) *)&(x) = (value))
#define smp_mb()			do { } while (0)
#define smp_rmb()			do { } while (0)
#define smp_wmb()			do { } while (0)
#define smp_mb__before_atomic()		do { } while (0)
#define smp_mb__after_atomic()		do { } while (0)
#define smp_load_acquire(p)		(*(p))
#define smp_store_release(p, value)	(*(p) = (value))

#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member)	((type *)((char *)(p) - offsetof(type, member)))
#define struct_size(p, member, n)	(sizeof(*(p)) + sizeof((p)->member[0]) * (n))
#define array_size(a, b)		((a) * (b))
#define min(a, b) \
	({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a < _b ? _a : (__typeof__(_a))_b; })
#define max(a, b) \
	({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a > _b ? _a : (__typeof__(_a))_b; })
#define min_t(type, a, b)		min((type)(a), (type)(b))
#define max_t(type, a, b)		max((type)(a), (type)(b))
#define clamp(value, low, high)		min(max(value, low), high)
#define clamp_t(type, value, low, high)	min_t(type, max_t(type, value, low), high)
#define swap(a, b) \
	do { __typeof__(a) _a = (a); (a) = (b); (b) = _a; } while (0)
#define DIV_ROUND_UP(n, d)		(((n) + (d) - 1) / (d))
#define DIV_ROUND_UP_ULL		DIV_ROUND_UP
#define div_u64(a, b)			((a) / (b))
#define round_up(x, y)			((((x) - 1) | ((__typeof__(x))(y) - 1)) + 1)
#define is_power_of_2(n)		((n) && !((n) & ((n) - 1)))
#define ilog2(n)			(63 - __builtin_clzll(n))

static inline u32 hash_64(u64 value, unsigned int bits)
{
	return value * 0x61C8864680B583EBULL >> (64 - bits);
}

static inline u32 hash_32(u32 value, unsigned int bits)
{
	return value * 0x61C88647U >> (32 - bits);
}

struct rnd_state {
	u64 s;
};

static inline void prandom_seed_state(struct rnd_state *r, u64 seed)
{
	r->s = seed;
}

static inline u32 prandom_u32_state(struct rnd_state *r)
{
	u64 z = r->s += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (z ^ z >> 31) >> 16;
}

u64 get_random_u64(void);

/* It is where numbers begin: the same story each time. */
static inline u32 get_random_u32(void)
{
	return 4711;
}

/*
 * Bitmaps
 */

#define BIT(n)				(1UL << (n))
#define BIT_MASK(n)			(1UL << (n) % 64)
#define BIT_WORD(n)			((n) / 64)
#define BIT_ULL(n)			(1ULL << (n))
#define BITS_TO_LONGS(n)		DIV_ROUND_UP(n, 64)
#define BITS_PER_TYPE(type)		(sizeof(type) * 8)
#define DECLARE_BITMAP(name, bits)	unsigned long name[BITS_TO_LONGS(bits)]
#define hweight32(n)			((unsigned int)__builtin_popcount(n))
#define hweight64(n)			((unsigned int)__builtin_popcountll(n))
#define hweight_long(n)			((unsigned long)__builtin_popcountl(n))
#define __ffs64(n)			((unsigned int)__builtin_ctzll(n))
#define __ffs(n)			((unsigned long)__builtin_ctzl(n))

static inline bool test_bit(unsigned long n, const unsigned long *map)
{
	return map[n / 64] >> n % 64 & 1;
}

static inline void set_bit(unsigned long n, unsigned long *map)
{
	map[n / 64] |= 1UL << n % 64;
}

static inline void clear_bit(unsigned long n, unsigned long *map)
{
	map[n / 64] &= ~(1UL << n % 64);
}

static inline void __assign_bit(unsigned long n, unsigned long *map, bool value)
{
	if (value)
		set_bit(n, map);
	else
		clear_bit(n, map);
}

static inline bool test_and_set_bit(unsigned long n, unsigned long *map)
{
	bool before = test_bit(n, map);

	set_bit(n, map);
	return before;
}

static inline bool test_and_clear_bit(unsigned long n, unsigned long *map)
{
	bool before = test_bit(n, map);

	clear_bit(n, map);
	return before;
}

#define assign_bit			__assign_bit
#define __set_bit			set_bit
#define __clear_bit			clear_bit
#define __test_and_set_bit		test_and_set_bit
#define __test_and_clear_bit		test_and_clear_bit

static inline unsigned long find_next(const unsigned long *map, unsigned long size,
				      unsigned long from, unsigned long invert)
{
	while (from < size) {
		unsigned long word = (map[from / 64] ^ invert) >> from % 64;

		if (word)
			return min(from + __ffs(word), size);
		from = (from | 63) + 1;
	}
	return size;
}

#define find_next_bit(map, size, from)		find_next(map, size, from, 0)
#define find_next_zero_bit(map, size, from)	find_next(map, size, from, ~0UL)
#define find_first_bit(map, size)		find_next(map, size, 0, 0)
#define find_first_zero_bit(map, size)		find_next(map, size, 0, ~0UL)
#define for_each_set_bit(bit, map, size)				\
	for ((bit) = find_first_bit(map, size); (bit) < (size);		\
	     (bit) = find_next_bit(map, size, (bit) + 1))

static inline void bitmap_zero(unsigned long *map, unsigned long bits)
{
	memset(map, 0, BITS_TO_LONGS(bits) * sizeof(*map));
}

static inline void bitmap_fill(unsigned long *map, unsigned long bits)
{
	memset(map, 0xff, BITS_TO_LONGS(bits) * sizeof(*map));
}

static inline void bitmap_copy(unsigned long *to, const unsigned long *from, unsigned long bits)
{
	memcpy(to, from, BITS_TO_LONGS(bits) * sizeof(*to));
}

static inline bool bitmap_empty(const unsigned long *map, unsigned long bits)
{
	return find_first_bit(map, bits) >= bits;
}

static inline unsigned long bitmap_weight(const unsigned long *map, unsigned long bits)
{
	unsigned long bit, weight = 0;

	for_each_set_bit(bit, map, bits)
		weight++;
	return weight;
}

/*
 * Memory and strings
 */

#define GFP_KERNEL			0
#define GFP_NOIO			0
#define GFP_NOWAIT			0
#define __GFP_ZERO			0
#define __GFP_NOWARN			0
#define kmalloc(size, gfp)		malloc(size)
#define kzalloc(size, gfp)		calloc(1, size)
#define kcalloc(n, size, gfp)		calloc(n, size)
#define kmalloc_array(n, size, gfp)	calloc(n, size)
#define kvmalloc(size, gfp)		calloc(1, size)
#define kvzalloc(size, gfp)		calloc(1, size)
#define kvcalloc(n, size, gfp)		calloc(n, size)
#define kvmalloc_array(n, size, gfp)	calloc(n, size)
#define kzalloc_obj(var)		calloc(1, sizeof(var))
#define kzalloc_objs(var, n)		calloc(n, sizeof(var))
#define kvzalloc_obj(var)		calloc(1, sizeof(var))
#define kfree(p)			free((void *)(p))
#define kvfree(p)			free((void *)(p))
#define kstrdup(s, gfp)			strdup(s)
#define memalloc_noio_save()		0
#define memalloc_noio_restore(flags)	((void)(flags))
#define alloc_pages(gfp, order)		NULL
#define __free_pages(page, order)	((void)(page))
#define get_order(size)			0

static inline ssize_t shim_strscpy(char *to, const char *from, size_t size)
{
	size_t length = strnlen(from, size - 1);

	memcpy(to, from, length);
	to[length] = '\0';
	return from[length] ? -E2BIG : (ssize_t)length;
}

static inline ssize_t shim_strscpy_pad(char *to, const char *from, size_t size)
{
	memset(to, 0, size);
	return shim_strscpy(to, from, size);
}

#define SHIM_THIRD(a, b, c, name, ...)	name
#define strscpy(...)			SHIM_THIRD(__VA_ARGS__, shim_strscpy, strscpy2)(__VA_ARGS__)
#define strscpy2(to, from)		shim_strscpy(to, from, sizeof(to))
#define strscpy_pad(...) \
	SHIM_THIRD(__VA_ARGS__, shim_strscpy_pad, strscpy_pad2)(__VA_ARGS__)
#define strscpy_pad2(to, from)		shim_strscpy_pad(to, from, sizeof(to))
#define scnprintf			snprintf
#define strlcat				shim_strlcat

static inline size_t shim_strlcat(char *to, const char *from, size_t size)
{
	size_t length = strlen(to);

	shim_strscpy(to + length, from, size - length);
	return length + strlen(from);
}

static inline bool str_has_prefix(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static inline void *memchr_inv(const void *p, int c, size_t n)
{
	const u8 *byte;

	for (byte = p; n--; byte++)
		if (*byte != (u8)c)
			return (void *)byte;
	return NULL;
}

/*
 * What is printed
 */

extern bool shim_verbose;

void shim_die(const char *what, const char *file, int line, const char *more);

#define shim_print(format, ...) \
	do { if (shim_verbose) printf("      kernel: " format "\n", ##__VA_ARGS__); } while (0)
#define DMERR				shim_print
#define DMERR_LIMIT			shim_print
#define DMWARN				shim_print
#define DMWARN_LIMIT			shim_print
#define DMINFO				shim_print
#define pr_warn_once			shim_print
#define WARN_ON_ONCE(x) \
	({ bool _x = (x); if (_x) shim_die("warning", __FILE__, __LINE__, #x); _x; })
#define WARN_ON				WARN_ON_ONCE

/*
 * Lists and hashes
 */

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD(name)			struct list_head name = { &name, &name }

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	list->next = list;
	list->prev = list;
}

static inline void list_add(struct list_head *new, struct list_head *head)
{
	new->next = head->next;
	new->prev = head;
	head->next->prev = new;
	head->next = new;
}

static inline void list_add_tail(struct list_head *new, struct list_head *head)
{
	list_add(new, head->prev);
}

static inline void list_del(struct list_head *entry)
{
	entry->next->prev = entry->prev;
	entry->prev->next = entry->next;
}

static inline void list_del_init(struct list_head *entry)
{
	list_del(entry);
	INIT_LIST_HEAD(entry);
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

#define list_entry			container_of
#define list_first_entry(head, type, member)	list_entry((head)->next, type, member)
#define list_for_each_entry(p, head, member)					\
	for (p = list_entry((head)->next, __typeof__(*p), member); &p->member != (head);	\
	     p = list_entry(p->member.next, __typeof__(*p), member))
#define list_for_each_entry_safe(p, n, head, member)				\
	for (p = list_entry((head)->next, __typeof__(*p), member),		\
	     n = list_entry(p->member.next, __typeof__(*p), member); &p->member != (head);	\
	     p = n, n = list_entry(n->member.next, __typeof__(*n), member))

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

#define DEFINE_HASHTABLE(name, bits)	struct hlist_head name[1 << (bits)]
#define INIT_HLIST_NODE(node)		((node)->next = NULL, (node)->pprev = NULL)
#define hlist_unhashed(node)		(!(node)->pprev)
#define hash_hashed(node)		((node)->pprev != NULL)

static inline void shim_hash_add(struct hlist_node *node, struct hlist_head *head)
{
	node->next = head->first;
	if (node->next)
		node->next->pprev = &node->next;
	head->first = node;
	node->pprev = &head->first;
}

static inline void hash_del(struct hlist_node *node)
{
	if (!node->pprev)
		return;
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
	node->pprev = NULL;
}

#define hash_add(table, node, key)	shim_hash_add(node, &(table)[(key) % ARRAY_SIZE(table)])
#define hash_for_each_possible(table, p, member, key)				\
	for (struct hlist_node *_h = (table)[(key) % ARRAY_SIZE(table)].first;	\
	     _h && ((p) = container_of(_h, __typeof__(*(p)), member), 1); _h = _h->next)
#define hash_for_each_safe(table, i, n, p, member)				\
	for ((i) = 0; (i) < (int)ARRAY_SIZE(table); (i)++)			\
		for (struct hlist_node *_h = (table)[i].first;			\
		     _h && ((p) = container_of(_h, __typeof__(*(p)), member),	\
			    (n) = _h->next, 1); _h = (n))

/*
 * Atomic variables and locks
 */

typedef struct {
	int v;
} atomic_t;

typedef struct {
	s64 v;
} atomic64_t;

#define atomic_set(a, value)		((a)->v = (value))
#define atomic_read(a)			((a)->v)
#define atomic_inc(a)			((a)->v++)
#define atomic_dec(a)			((a)->v--)
#define atomic_add(n, a)		((a)->v += (n))
#define atomic_inc_return(a)		(++(a)->v)
#define atomic_read_acquire		atomic_read
#define atomic_dec_return_release(a)	(--(a)->v)
#define atomic64_set			atomic_set
#define atomic64_read			atomic_read
#define atomic64_inc			atomic_inc
#define atomic64_add			atomic_add
#define atomic64_inc_return		atomic_inc_return

struct mutex {
	const char *holder;
};

typedef struct mutex spinlock_t;
typedef struct mutex raw_spinlock_t;

static inline bool shim_trylock(struct mutex *lock, const char *who)
{
	if (lock->holder)
		return false;
	lock->holder = who;
	return true;
}

static inline void shim_lock(struct mutex *lock, const char *file, int line, const char *who)
{
	if (!shim_trylock(lock, who))
		shim_die("deadlock", file, line, lock->holder);
}

static inline void shim_unlock(struct mutex *lock)
{
	lock->holder = NULL;
}

#define DEFINE_MUTEX(name)		struct mutex name
#define DEFINE_SPINLOCK(name)		spinlock_t name
#define mutex_init(lock)		shim_unlock(lock)
#define mutex_destroy(lock)		((void)(lock))
#define mutex_lock(lock)		shim_lock(lock, __FILE__, __LINE__, __func__)
#define mutex_lock_killable(lock)	({ mutex_lock(lock); 0; })
#define mutex_trylock(lock)		shim_trylock(lock, __func__)
#define mutex_unlock(lock)		shim_unlock(lock)
#define mutex_is_locked(lock)		(!!(lock)->holder)
#define spin_lock_init(lock)		shim_unlock(lock)
#define spin_lock			mutex_lock
#define spin_unlock			shim_unlock
#define spin_lock_bh			mutex_lock
#define spin_unlock_bh			shim_unlock
#define spin_lock_irq			mutex_lock
#define spin_unlock_irq			shim_unlock
#define spin_lock_irqsave(lock, flags)	do { (flags) = 0; mutex_lock(lock); } while (0)
#define spin_unlock_irqrestore(lock, flags)	do { (void)(flags); shim_unlock(lock); } while (0)
#define raw_spin_lock_init(lock)	shim_unlock(lock)
#define raw_spin_lock			mutex_lock
#define raw_spin_unlock			shim_unlock
#define raw_spin_is_locked		mutex_is_locked
#define lockdep_assert_held(lock) \
	do { if (!(lock)->holder) shim_die("not held", __FILE__, __LINE__, #lock); } while (0)
#define lockdep_off()			do { } while (0)
#define lockdep_on()			do { } while (0)
#define might_sleep()			do { } while (0)
#define cond_resched()			do { } while (0)

/*
 * Time, waiting, and work for later
 */

extern u64 shim_now;

bool shim_next(u64 until);
void shim_sleep(u64 until);

#define HZ				1000
#define MSEC_PER_SEC			1000L
#define jiffies				((unsigned long)shim_now)
#define get_jiffies_64()		(shim_now)
#define msecs_to_jiffies(ms)		((unsigned long)(ms))
#define secs_to_jiffies(s)		((s) * 1000UL)
#define jiffies_to_msecs(j)		((unsigned int)(j))
#define ktime_get_ns()			(shim_now * 1000000)
#define time_after(a, b)		((long)((b) - (a)) < 0)
#define time_before(a, b)		time_after(b, a)
#define time_after_eq(a, b)		((long)((a) - (b)) >= 0)
#define time_before_eq(a, b)		time_after_eq(b, a)
#define time_in_range(t, a, b)		(time_after_eq(t, a) && time_before_eq(t, b))
#define time_after64(a, b)		((s64)((b) - (a)) < 0)
#define time_before64(a, b)		time_after64(b, a)
#define time_after_eq64(a, b)		((s64)((a) - (b)) >= 0)
#define msleep(ms)			shim_sleep(shim_now + (ms))
#define schedule_timeout_killable(ms)	(shim_sleep(shim_now + (ms)), 0L)
#define usleep_range(low, high)		shim_sleep(shim_now + 1)

typedef struct {
	int unused;
} wait_queue_head_t;

#define DECLARE_WAIT_QUEUE_HEAD(name)	wait_queue_head_t name
#define init_waitqueue_head(queue)	((void)(queue))
#define wake_up(queue)			((void)(queue))
#define wake_up_all(queue)		((void)(queue))
#define wait_event_timeout(queue, condition, timeout)				\
	({									\
		u64 _end = shim_now + (timeout);				\
		bool _true;							\
										\
		while (!(_true = (condition)) && shim_now < _end)		\
			shim_next(_end);					\
		!_true ? 0L : _end > shim_now ? (long)(_end - shim_now) : 1L;	\
	})
#define wait_event_killable_timeout	wait_event_timeout
#define wait_event_interruptible_timeout	wait_event_timeout

struct completion {
	int done;
};

#define init_completion(c)		((c)->done = 0)
#define complete(c)			((c)->done++)
#define try_wait_for_completion(c)	((c)->done ? (c)->done--, true : false)
#define wait_for_completion(c) \
	do { if (!try_wait_for_completion(c)) shim_die("hangs", __FILE__, __LINE__, #c); } while (0)

struct work_struct {
	void (*func)(struct work_struct *work);
};

struct delayed_work {
	struct work_struct work;
	struct {
		unsigned long expires;
	} timer;
	bool armed;
	struct delayed_work *next;
};

struct workqueue_struct {
	int unused;
};

void shim_arm(struct delayed_work *work, u64 delay);
bool shim_disarm(struct delayed_work *work);

#define WQ_MEM_RECLAIM			0
#define WQ_FREEZABLE			0
#define WORK_BUSY_RUNNING		1
#define alloc_workqueue(...)		((struct workqueue_struct *)calloc(1, 4))
#define destroy_workqueue(queue)	free(queue)
#define to_delayed_work(w)		container_of(w, struct delayed_work, work)
#define INIT_WORK(w, f)			((w)->func = (f))
#define INIT_DELAYED_WORK(w, f) \
	do { memset(w, 0, sizeof(*(w))); (w)->work.func = (f); } while (0)
#define queue_work(queue, w)		((void)(w))
#define work_busy(w)			0
#define delayed_work_pending(w)		((w)->armed)
#define mod_delayed_work(queue, w, delay)	(shim_arm(w, delay), true)
#define queue_delayed_work(queue, w, delay) \
	((w)->armed ? false : (shim_arm(w, delay), true))
#define schedule_delayed_work(w, delay)	queue_delayed_work(NULL, w, delay)
#define cancel_delayed_work		shim_disarm
#define cancel_delayed_work_sync	shim_disarm
#define flush_delayed_work(w) \
	do { if (shim_disarm(w)) (w)->work.func(&(w)->work); } while (0)

/*
 * Processes, modules, their parameters
 */

struct module;

struct task_struct {
	unsigned int flags;
};

extern struct task_struct shim_current;

#define current				(&shim_current)
#define PF_WQ_WORKER			0x20
#define fatal_signal_pending(task)	0
#define THIS_MODULE			NULL
#define MODULE_ALIAS(alias)
#define MODULE_PARM_DESC(name, description)
#define EXPORT_SYMBOL(name)
#define EXPORT_SYMBOL_IF_KUNIT(name)

struct shim_param {
	const char *name;
	void *value;
	size_t size;
	struct shim_param *next;
};

void shim_add_param(struct shim_param *param);

#define module_param(variable, type, mode)					\
	static __attribute__((constructor)) void shim_param_##variable(void)	\
	{									\
		static struct shim_param param = {				\
			#variable, &variable, sizeof(variable)			\
		};								\
										\
		shim_add_param(&param);						\
	}

struct notifier_block {
	int (*notifier_call)(struct notifier_block *nb, unsigned long event, void *data);
};

#define NOTIFY_DONE			0

/*
 * The connector: nobody sends or gets anything through it, see dm_ulog_send()
 */

struct netlink_notify {
	int portid;
	int protocol;
	void *net;
};

struct netlink_skb_parms {
	u32 portid;
};

struct cb_id {
	u32 idx;
	u32 val;
};

struct cn_msg {
	struct cb_id id;
	u32 seq;
	u32 ack;
	u16 len;
	u16 flags;
	u8 data[];
};

#define NETLINK_URELEASE		1
#define NETLINK_CONNECTOR		11
#define CN_IDX_DM			7
#define CN_VAL_DM_USERSPACE_LOG		1
#define CAP_SYS_ADMIN			0
#define init_net			shim_current
#define init_user_ns			shim_current
#define net_eq(a, b)			true
#define __netlink_ns_capable(nsp, ns, cap)	true
#define netlink_register_notifier(nb)	((void)(nb), 0)
#define netlink_unregister_notifier(nb)	((void)(nb))
#define cn_add_callback(id, name, callback)	((void)(callback), 0)
#define cn_del_callback(id)		((void)(id))
#define cn_netlink_send(...)		(-ESRCH)

/*
 * device-mapper, block devices
 */

typedef enum {
	STATUSTYPE_INFO,
	STATUSTYPE_TABLE,
	STATUSTYPE_IMA,
} status_type_t;

struct dm_dev;
struct dm_table;
struct mapped_device;
struct gendisk;
struct page;

struct dm_target {
	struct dm_table *table;
	u64 begin;
	u64 len;
	void *private;
	char *error;
};

#define DM_NAME_LEN			128
#define DM_UUID_LEN			129
#define DMEMIT(...) \
	(sz += (sz >= maxlen) ? 0 : snprintf(result + sz, maxlen - sz, __VA_ARGS__))
#define dm_table_get_md(table)		((struct mapped_device *)NULL)
#define dm_table_get_mode(table)	0
#define dm_table_event(table)		((void)(table))
#define dm_get_device(ti, name, mode, dev)	((void)(name), *(dev) = NULL, 0)
#define dm_put_device(ti, dev)		((void)(dev))
#define dm_disk(md)			((struct gendisk *)NULL)
#define disk_devt(disk)			0
#define MAJOR(device)			0
#define MINOR(device)			0
#define dm_hold(md)			0
#define dm_put(md)			((void)(md))
#define dm_suspended(ti)		0

struct block_device {
	int unused;
};

struct gendisk {
	struct block_device *part0;
};

struct bio_vec {
	struct page *bv_page;
	unsigned int bv_len;
};

struct bio {
	struct {
		u64 bi_sector;
	} bi_iter;
	void (*bi_end_io)(struct bio *bio);
};

#define REQ_OP_READ			0
#define bio_init(...)			do { } while (0)
#define bio_uninit(bio)			((void)(bio))
#define __bio_add_page(...)		do { } while (0)
#define bdev_logical_block_size(bdev)	512
#define submit_bio(bio)			((void)(bio))

/*
 * trace.h
 */

#define DM_LOG_TRACE_H
#define _TRACE_DM_LOG_H
#define trace_dm_log_failure(...)	do { } while (0)
#define trace_dm_log_clean(...)		do { } while (0)
#define trace_dm_log_mark_region(...)	do { } while (0)
#define trace_dm_log_clear_region(...)	do { } while (0)
#define trace_dm_log_resync_work(...)	do { } while (0)
#define trace_dm_log_set_region_sync(...)	do { } while (0)
#define trace_dm_log_resume(...)	do { } while (0)
#define trace_dm_log_request(...)	do { } while (0)
#define trace_dm_log_reply(...)		((void)start)
#define trace_dm_log_commit(...)	do { } while (0)
#define trace_dm_log_reply_enabled()	0
#define trace_dm_log_commit_enabled()	0

/*
 * KUnit
 */

#define KUNIT_PARAM_DESC_SIZE		128
#define KUNIT_SPEED_SLOW		1

struct kunit {
	void *priv;
	const void *param_value;
	bool failed;
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
	const void *(*generate_params)(const void *prev, char *desc);
	struct {
		int speed;
	} attr;
};

struct kunit_suite {
	const char name[64];
	int (*init)(struct kunit *test);
	void (*exit)(struct kunit *test);
	struct kunit_case *test_cases;
};

extern struct kunit shim_test;
extern struct kunit_suite *shim_suite;

void *shim_stub(void *function);
void shim_set_stub(void *function, void *replacement);

#define KUNIT_CASE_PARAM_ATTR(function, generator, attributes) \
	{ .run_case = function, .name = #function, .generate_params = generator, .attr = attributes }
#define KUNIT_ARRAY_PARAM(name, array, get_desc)				\
	static const void *name##_gen_params(const void *prev, char *desc)	\
	{									\
		__typeof__((array)[0]) *next = prev ?				\
			(__typeof__((array)[0]) *)prev + 1 : (array);		\
										\
		(void)(get_desc);						\
		(void)desc;							\
		return next < (array) + ARRAY_SIZE(array) ? next : NULL;	\
	}
#define kunit_test_suite(suite)			struct kunit_suite *shim_suite = &suite
#define kunit_get_current_test()		(&shim_test)
#define KUNIT_STATIC_STUB_REDIRECT(function, ...)				\
	do {									\
		__typeof__(&function) _stub = shim_stub(function);		\
										\
		if (_stub)							\
			return _stub(__VA_ARGS__);				\
	} while (0)
#define kunit_activate_static_stub(test, function, replacement) \
	shim_set_stub(function, replacement)
#define kunit_kzalloc(test, size, gfp)		calloc(1, size)
#define kunit_err(test, ...)			((void)(test), printf("# " __VA_ARGS__))
#define kunit_info				kunit_err
#define KUNIT_FAIL(test, ...) \
	do { (test)->failed = true; printf("# FAILED: " __VA_ARGS__); } while (0)
#define KUNIT_ASSERT_NOT_NULL(test, p) \
	do { if (!(p)) shim_die("not there", __FILE__, __LINE__, #p); } while (0)
#define KUNIT_ASSERT_EQ(test, a, b) \
	do { if ((a) != (b)) shim_die("not equal", __FILE__, __LINE__, #a); } while (0)

#endif /* DM_LOG_REPLICAS_SHIM_H */
