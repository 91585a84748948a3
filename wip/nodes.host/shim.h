#ifndef SHIM_H
#define SHIM_H
#define _GNU_SOURCE
#include <stdint.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <stdio.h>
#include <stdarg.h>
#include <errno.h>
#include <limits.h>
#include <sys/types.h>
#define __KERNEL__ 1
typedef uint8_t u8; typedef uint16_t u16; typedef uint32_t u32; typedef unsigned long long u64;
typedef int8_t s8; typedef int16_t s16; typedef int32_t s32; typedef long long s64;
typedef u8 __u8; typedef u16 __u16; typedef u32 __u32; typedef u64 __u64; typedef s64 __s64; typedef s32 __s32; typedef s16 __s16; typedef s8 __s8;
typedef u64 sector_t; typedef unsigned gfp_t;
#define BITS_PER_LONG 64
#define BITS_PER_BYTE 8
#define BITS_PER_TYPE(t) (sizeof(t)*8)
#define BITS_TO_LONGS(n) (((n)+63)/64)
#define DECLARE_BITMAP(n,b) unsigned long n[BITS_TO_LONGS(b)]
#define BIT(n) (1UL<<(n))
#define BIT_ULL(n) (1ULL<<(n))
#define BIT_MASK(n) (1UL<<((n)%64))
#define BIT_WORD(n) ((n)/64)
#define U64_MAX (~0ULL)
#define U32_MAX (~0U)
#define SZ_512 512
#define SZ_2K 2048
#define SZ_4K 4096
#define SZ_16K 16384
#define SZ_32K 32768
#define SZ_64K 65536
#define PAGE_SIZE 4096UL
#define MAX_ERRNO 4095
#define EBADE_ 52
#define READ_ONCE(x) (*(volatile __typeof__(x)*)&(x))
#define WRITE_ONCE(x,v) (*(volatile __typeof__(x)*)&(x)=(v))
#define smp_mb() do{}while(0)
#define smp_rmb() do{}while(0)
#define smp_wmb() do{}while(0)
#define smp_mb__after_atomic() do{}while(0)
#define smp_mb__before_atomic() do{}while(0)
#define smp_load_acquire(p) (*(p))
#define smp_store_release(p,v) (*(p)=(v))
#define likely(x) (x)
#define unlikely(x) (x)
#define __always_inline inline __attribute__((always_inline))
#define __init
#define __exit
#define __force
#define __maybe_unused __attribute__((unused))
#define fallthrough __attribute__((fallthrough))
#define __printf(a,b)
#define IS_ENABLED(x) SHIM_##x
#define SHIM_CONFIG_DM_LOG_KUNIT_TEST 1
#define SHIM_CONFIG_DM_LOG_USERSPACE 1
#define SHIM_CONFIG_PROVE_LOCKING 0
#define SHIM_CONFIG_UML 0
#define container_of(p,t,m) ((t*)((char*)(p)-offsetof(t,m)))
#define ARRAY_SIZE(a) (sizeof(a)/sizeof((a)[0]))
#define min(a,b) ({__typeof__(a) _a=(a); __typeof__(b) _b=(b); _a<_b?_a:(__typeof__(_a))_b;})
#define max(a,b) ({__typeof__(a) _a=(a); __typeof__(b) _b=(b); _a>_b?_a:(__typeof__(_a))_b;})
#define min_t(t,a,b) ({t _a=(a); t _b=(b); _a<_b?_a:_b;})
#define max_t(t,a,b) ({t _a=(a); t _b=(b); _a>_b?_a:_b;})
#define clamp(v,l,h) min(max(v,l),h)
#define clamp_t(t,v,l,h) min_t(t,max_t(t,v,l),h)
#define swap(a,b) do{__typeof__(a) _t=(a);(a)=(b);(b)=_t;}while(0)
#define DIV_ROUND_UP(n,d) (((n)+(d)-1)/(d))
#define DIV_ROUND_UP_ULL DIV_ROUND_UP
#define div_u64(a,b) ((a)/(b))
#define round_up(x,y) ((((x)-1)|((__typeof__(x))(y)-1))+1)
#define array_size(a,b) ((a)*(b))
#define struct_size(p,m,n) (sizeof(*(p))+sizeof((p)->m[0])*(n))
#define is_power_of_2(n) ((n)&&!((n)&((n)-1)))
#define ilog2(n) (63-__builtin_clzll(n))
#define __ffs64(n) ((unsigned)__builtin_ctzll(n))
#define __ffs(n) ((unsigned)__builtin_ctzll(n))
#define hweight32(n) ((unsigned)__builtin_popcount(n))
#define hweight64(n) ((unsigned)__builtin_popcountll(n))
#define hweight_long(n) ((unsigned long)__builtin_popcountl(n))
static inline u32 hash_64(u64 v, unsigned bits){ return (v*0x61C8864680B583EBull)>>(64-bits); }
static inline u32 hash_32(u32 v, unsigned bits){ return (v*0x61C88647u)>>(32-bits); }
static inline bool test_bit(unsigned long n,const unsigned long*m){return m[n/64]>>(n%64)&1;}
static inline void set_bit(unsigned long n,unsigned long*m){m[n/64]|=1UL<<(n%64);}
static inline void clear_bit(unsigned long n,unsigned long*m){m[n/64]&=~(1UL<<(n%64));}
#define __set_bit set_bit
#define __clear_bit clear_bit
static inline bool test_and_set_bit(unsigned long n,unsigned long*m){bool o=test_bit(n,m);set_bit(n,m);return o;}
static inline bool test_and_clear_bit(unsigned long n,unsigned long*m){bool o=test_bit(n,m);clear_bit(n,m);return o;}
#define __test_and_set_bit test_and_set_bit
#define __test_and_clear_bit test_and_clear_bit
static inline void __assign_bit(unsigned long n,unsigned long*m,bool v){if(v)set_bit(n,m);else clear_bit(n,m);}
#define assign_bit __assign_bit
static inline unsigned long find_next_bit(const unsigned long*m,unsigned long size,unsigned long from){
	for(;from<size;){unsigned long w=m[from/64]>>(from%64); if(w){from+=__builtin_ctzl(w);return from<size?from:size;} from=(from|63)+1;} return size;}
static inline unsigned long find_next_zero_bit(const unsigned long*m,unsigned long size,unsigned long from){
	for(;from<size;){unsigned long w=~m[from/64]>>(from%64); if(w){from+=__builtin_ctzl(w);return from<size?from:size;} from=(from|63)+1;} return size;}
#define find_first_bit(m,s) find_next_bit(m,s,0)
#define find_first_zero_bit(m,s) find_next_zero_bit(m,s,0)
#define for_each_set_bit(b,m,s) for((b)=find_next_bit(m,s,0);(b)<(s);(b)=find_next_bit(m,s,(b)+1))
static inline void bitmap_zero(unsigned long*m,unsigned n){memset(m,0,BITS_TO_LONGS(n)*8);}
static inline void bitmap_fill(unsigned long*m,unsigned long n){unsigned long i;for(i=0;i<n;i++)set_bit(i,m);}
static inline bool bitmap_empty(const unsigned long*m,unsigned n){return find_next_bit(m,n,0)>=n;}
static inline void bitmap_copy(unsigned long*d,const unsigned long*s,unsigned n){memcpy(d,s,BITS_TO_LONGS(n)*8);}
static inline unsigned bitmap_weight(const unsigned long*m,unsigned n){unsigned i,c=0;for(i=0;i<n;i++)c+=test_bit(i,m);return c;}
/* memory */
#define GFP_KERNEL 0
#define GFP_NOIO 0
#define GFP_NOWAIT 0
#define __GFP_ZERO 1
#define __GFP_NOWARN 0
#define kmalloc(s,g) malloc(s)
#define kzalloc(s,g) calloc(1,s)
#define kcalloc(n,s,g) calloc(n,s)
#define kvzalloc(s,g) calloc(1,s)
#define kvcalloc(n,s,g) calloc(n,s)
#define kvmalloc(s,g) calloc(1,s)
#define kvmalloc_array(n,s,g) calloc(n,s)
#define kmalloc_array(n,s,g) calloc(n,s)
#define kfree(p) free((void*)(p))
#define kvfree(p) free((void*)(p))
#define kstrdup(s,g) strdup(s)
static inline unsigned memalloc_noio_save(void){return 0;}
static inline void memalloc_noio_restore(unsigned f){}
/* strings */
static inline ssize_t strscpy_(char*d,const char*s,size_t n){size_t l=strlen(s); if(!n) return -7; if(l>=n)l=n-1; memcpy(d,s,l); d[l]=0; return l;}
#define STRSCPY2(d,s) strscpy_(d,s,sizeof(d))
#define STRSCPY3(d,s,n) strscpy_(d,s,n)
#define GETM(_1,_2,_3,N,...) N
#define strscpy(...) GETM(__VA_ARGS__,STRSCPY3,STRSCPY2)(__VA_ARGS__)
static inline void strscpy_pad_(char*d,const char*s,size_t n){memset(d,0,n);strscpy_(d,s,n);}
#define PAD2(d,s) strscpy_pad_(d,s,sizeof(d))
#define PAD3(d,s,n) strscpy_pad_(d,s,n)
#define strscpy_pad(...) GETM(__VA_ARGS__,PAD3,PAD2)(__VA_ARGS__)
#undef strlcat
#define strlcat shim_strlcat
static inline size_t strlcat(char*d,const char*s,size_t n){size_t l=strlen(d); strscpy_(d+l,s,n-l); return l+strlen(s);}
static inline bool str_has_prefix(const char*s,const char*p){return !strncmp(s,p,strlen(p));}
#define scnprintf snprintf
static inline void *memchr_inv(const void*p,int c,size_t n){const u8*b=p;while(n--){if(*b!=(u8)c)return(void*)b;b++;}return NULL;}
/* printing */
extern bool shim_verbose;
#define shim_print(fmt,...) do{ if(shim_verbose) printf("      | " fmt "\n", ##__VA_ARGS__);}while(0)
#define DMERR(f,...) shim_print(f,##__VA_ARGS__)
#define DMERR_LIMIT DMERR
#define DMWARN DMERR
#define DMWARN_LIMIT DMERR
#define DMINFO DMERR
#define pr_warn_once(f,...) shim_print(f,##__VA_ARGS__)
#define WARN_ON_ONCE(x) ({bool _w=(x); if(_w){printf("WARN %s:%d\n",__FILE__,__LINE__);abort();} _w;})
#define WARN_ON WARN_ON_ONCE
/* lists */
struct list_head{struct list_head*next,*prev;};
#define LIST_HEAD(n) struct list_head n={&n,&n}
#define INIT_LIST_HEAD(l) ((l)->next=(l)->prev=(l))
static inline void list_add(struct list_head*n,struct list_head*h){n->next=h->next;n->prev=h;h->next->prev=n;h->next=n;}
static inline void list_add_tail(struct list_head*n,struct list_head*h){list_add(n,h->prev);}
static inline void list_del(struct list_head*n){n->prev->next=n->next;n->next->prev=n->prev;}
static inline void list_del_init(struct list_head*n){list_del(n);INIT_LIST_HEAD(n);}
static inline bool list_empty(const struct list_head*h){return h->next==h;}
#define list_entry container_of
#define list_first_entry(h,t,m) list_entry((h)->next,t,m)
#define list_for_each_entry(p,h,m) for(p=list_entry((h)->next,__typeof__(*p),m);&p->m!=(h);p=list_entry(p->m.next,__typeof__(*p),m))
#define list_for_each_entry_safe(p,n,h,m) for(p=list_entry((h)->next,__typeof__(*p),m),n=list_entry(p->m.next,__typeof__(*p),m);&p->m!=(h);p=n,n=list_entry(n->m.next,__typeof__(*n),m))
struct hlist_node{struct hlist_node*next,**pprev;}; struct hlist_head{struct hlist_node*first;};
#define DEFINE_HASHTABLE(n,b) struct hlist_head n[1<<(b)]
static inline void hl_add(struct hlist_node*n,struct hlist_head*h){n->next=h->first;if(n->next)n->next->pprev=&n->next;h->first=n;n->pprev=&h->first;}
static inline void hash_del(struct hlist_node*n){if(!n->pprev)return;*n->pprev=n->next;if(n->next)n->next->pprev=n->pprev;n->pprev=NULL;}
#define INIT_HLIST_NODE(n) ((n)->next=NULL,(n)->pprev=NULL)
#define hlist_unhashed(n) (!(n)->pprev)
#define hash_hashed(n) ((n)->pprev!=NULL)
#define hash_add(t,n,k) hl_add(n,&(t)[(k)%ARRAY_SIZE(t)])
#define hash_for_each_possible(t,p,m,k) for(struct hlist_node*_h=(t)[(k)%ARRAY_SIZE(t)].first;_h&&((p)=container_of(_h,__typeof__(*(p)),m),1);_h=_h->next)
#define hash_for_each_safe(t,b,n,p,m) for((b)=0;(b)<(int)ARRAY_SIZE(t);(b)++) for(struct hlist_node*_h=(t)[b].first;_h&&((p)=container_of(_h,__typeof__(*(p)),m),(n)=_h->next,1);_h=(n))
#define hash_for_each(t,b,p,m) for((b)=0;(b)<(int)ARRAY_SIZE(t);(b)++) for(struct hlist_node*_h=(t)[b].first;_h&&((p)=container_of(_h,__typeof__(*(p)),m),1);_h=_h->next)
/* locks */
typedef struct{int v;} atomic_t; typedef struct{s64 v;} atomic64_t;
#define atomic_inc(a) ((a)->v++)
#define atomic_dec(a) ((a)->v--)
#define atomic_set(a,x) ((a)->v=(x))
#define atomic_read(a) ((a)->v)
#define atomic_inc_return(a) (++(a)->v)
#define atomic_add(n,a) ((a)->v+=(n))
#define atomic64_inc(a) ((a)->v++)
#define atomic64_read(a) ((a)->v)
#define atomic64_set(a,x) ((a)->v=(x))
#define atomic64_inc_return(a) (++(a)->v)
#define atomic64_add(n,a) ((a)->v+=(n))
#define atomic_dec_return_release(a) (--(a)->v)
#define atomic_read_acquire atomic_read
struct mutex{int locked; const char*at;}; typedef struct{int locked;} spinlock_t; typedef spinlock_t raw_spinlock_t;
#define DEFINE_SPINLOCK(n) spinlock_t n
#define DEFINE_MUTEX(n) struct mutex n
#define mutex_init(m) memset(m,0,sizeof(*(m)))
#define mutex_destroy(m) ((void)(m))
#define STR_(x) #x
#define STR(x) STR_(x)
#define mutex_lock(m) do{ if((m)->locked){printf("DEADLOCK %s:%d, held since %s\n",__FILE__,__LINE__,(m)->at);fflush(stdout);abort();} (m)->locked=1;(m)->at=__FILE__ ":" STR(__LINE__);}while(0)
#define mutex_lock_killable(m) ({mutex_lock(m);0;})
#define mutex_trylock(m) ({bool _ok=!(m)->locked; if(_ok){(m)->locked=1;(m)->at=__FILE__ ":" STR(__LINE__);} _ok;})
#define mutex_unlock(m) ((m)->locked=0)
#define mutex_is_locked(m) ((m)->locked)
#define spin_lock_init(l) ((l)->locked=0)
#define raw_spin_lock_init spin_lock_init
#define spin_lock(l) do{ if((l)->locked){printf("SPIN DEADLOCK %s:%d\n",__FILE__,__LINE__);abort();} (l)->locked=1;}while(0)
#define spin_unlock(l) ((l)->locked=0)
#define spin_lock_bh spin_lock
#define spin_unlock_bh spin_unlock
#define spin_lock_irq spin_lock
#define spin_unlock_irq spin_unlock
#define spin_lock_irqsave(l,f) do{(f)=0;(void)(f);spin_lock(l);}while(0)
#define spin_unlock_irqrestore(l,f) spin_unlock(l)
#define raw_spin_lock spin_lock
#define raw_spin_unlock spin_unlock
#define raw_spin_is_locked(l) ((l)->locked)
#define lockdep_assert_held(l) do{ if(!(l)->locked){printf("not held %s:%d\n",__FILE__,__LINE__);abort();} }while(0)
#define lockdep_off() do{}while(0)
#define lockdep_on() do{}while(0)
#define might_sleep() do{}while(0)
#define cond_resched() do{}while(0)
/* time */
extern u64 shim_time;
#define jiffies ((unsigned long)shim_time)
#define get_jiffies_64() (shim_time)
#define HZ 1000
#define MSEC_PER_SEC 1000L
#define msecs_to_jiffies(m) ((unsigned long)(m))
#define jiffies_to_msecs(j) ((unsigned)(j))
#define secs_to_jiffies(s) ((s)*1000UL)
#define time_after(a,b) ((long)((b)-(a))<0)
#define time_before(a,b) time_after(b,a)
#define time_after_eq(a,b) ((long)((a)-(b))>=0)
#define time_before_eq(a,b) time_after_eq(b,a)
#define time_in_range(a,b,c) (time_after_eq(a,b)&&time_before_eq(a,c))
#define time_after64(a,b) ((s64)((b)-(a))<0)
#define time_before64(a,b) time_after64(b,a)
#define time_after_eq64(a,b) ((s64)((a)-(b))>=0)
void shim_sleep(u64 until);   /* runs timers */
bool shim_next(u64 until);    /* advance to the next timer before until, run it; false: at until */
#define msleep(ms) shim_sleep(shim_time+(ms))
#define usleep_range(a,b) shim_sleep(shim_time+1)
static inline u64 ktime_get_ns(void){return shim_time*1000000;}
typedef struct{int x;} wait_queue_head_t;
#define init_waitqueue_head(w) ((void)(w))
#define wake_up_all(w) ((void)(w))
#define wake_up(w) ((void)(w))
#define DECLARE_WAIT_QUEUE_HEAD(n) wait_queue_head_t n
#define wait_event_timeout(wq,cond,to) ({ long _to=(to); u64 _end=shim_time+_to; long _r; for(;;){ if(cond){_r=_end>shim_time?(long)(_end-shim_time):1;break;} if(shim_time>=_end){_r=0;break;} shim_next(_end);} _r;})
#define wait_event_killable_timeout wait_event_timeout
#define wait_event_interruptible_timeout wait_event_timeout
struct work_struct{void(*fn)(struct work_struct*);}; struct delayed_work{struct work_struct work;u64 due;bool armed;struct delayed_work*next;struct{unsigned long expires;}timer;};
struct workqueue_struct{int x;};
#define WQ_MEM_RECLAIM 0
#define WQ_FREEZABLE 0
#define WORK_BUSY_RUNNING 1
#define INIT_DELAYED_WORK(d,f) do{memset((d),0,sizeof(*(d)));(d)->work.fn=(f);}while(0)
#define INIT_WORK(w,f) ((w)->fn=(f))
#define to_delayed_work(w) container_of(w,struct delayed_work,work)
void shim_arm(struct delayed_work*d,u64 delay); bool shim_disarm(struct delayed_work*d);
#define delayed_work_pending(d) ((d)->armed)
#define queue_delayed_work(q,d,j) ((d)->armed?false:(shim_arm(d,j),true))
#define schedule_delayed_work(d,j) queue_delayed_work(0,d,j)
#define mod_delayed_work(q,d,j) (shim_arm(d,j),true)
#define cancel_delayed_work_sync(d) shim_disarm(d)
#define cancel_delayed_work(d) shim_disarm(d)
#define flush_delayed_work(d) do{ if(shim_disarm(d)) (d)->work.fn(&(d)->work);}while(0)
#define queue_work(q,w) ((void)0)
#define work_busy(w) 0
#define alloc_workqueue(...) ((struct workqueue_struct*)calloc(1,4))
#define destroy_workqueue(q) free(q)
/* kernel things */
struct module; struct task_struct{unsigned flags;}; extern struct task_struct shim_current;
#define current (&shim_current)
#define PF_WQ_WORKER 0x20
#define fatal_signal_pending(t) 0
#define THIS_MODULE NULL
#define MODULE_ALIAS(x)
#define MODULE_PARM_DESC(a,b)
#define module_param(n,t,p)
#define EXPORT_SYMBOL(x)
#define EXPORT_SYMBOL_IF_KUNIT(x)
#define static_assert _Static_assert
#define BUILD_BUG_ON(x) ((void)sizeof(char[1-2*!!(x)]))
struct notifier_block{int(*notifier_call)(struct notifier_block*,unsigned long,void*);};
struct netlink_notify{int portid,protocol;void*net;}; struct netlink_skb_parms{u32 portid;};
#define NOTIFY_DONE 0
#define NETLINK_URELEASE 1
#define NETLINK_CONNECTOR 11
#define init_net shim_current
#define init_user_ns shim_current
#define net_eq(a,b) true
#define __netlink_ns_capable(n,u,c) true
#define CAP_SYS_ADMIN 0
#define netlink_register_notifier(n) ((void)(n),0)
#define netlink_unregister_notifier(n) ((void)(n))
struct cb_id{u32 idx,val;}; struct cn_msg{struct cb_id id;u32 seq,ack;u16 len,flags;u8 data[];};
#define CN_IDX_DM 7
#define CN_VAL_DM_USERSPACE_LOG 1
#define cn_add_callback(i,n,c) ((void)(c),0)
#define cn_del_callback(i) ((void)(i))
#define cn_netlink_send(...) (-ESRCH)
static inline u64 get_random_u64(void){ u64 x; FILE*f=fopen("/dev/urandom","r"); if(fread(&x,8,1,f)!=1)abort(); fclose(f); return x;}
static inline u32 get_random_u32(void){return 4711;}
typedef enum{STATUSTYPE_INFO,STATUSTYPE_TABLE,STATUSTYPE_IMA} status_type_t;
struct dm_table{int x;}; struct mapped_device; struct dm_dev; typedef unsigned blk_mode_t;
struct dm_target{struct dm_table*table;u64 begin,len;void*private;char*error;};
#define DM_NAME_LEN 128
#define DM_UUID_LEN 129
#define DMEMIT(x...) (sz += (sz>=maxlen)?0:snprintf(result+sz,maxlen-sz,x))
#define dm_table_get_md(t) ((struct mapped_device*)NULL)
#define dm_table_get_mode(t) 0
#define dm_disk(m) NULL
#define disk_devt(d) 0
#define MAJOR(d) 0
#define MINOR(d) 0
#define dm_get_device(t,n,m,r) ((void)(n),-ENODEV)
#define dm_put_device(t,d) ((void)(d))
#define dm_table_event(t) ((void)0)
struct rnd_state{u64 s;};
static inline u32 prandom_u32_state(struct rnd_state*r){ u64 z=(r->s+=0x9e3779b97f4a7c15ULL); z=(z^(z>>30))*0xbf58476d1ce4e5b9ULL; z=(z^(z>>27))*0x94d049bb133111ebULL; return (z^(z>>31))>>16;}
static inline void prandom_seed_state(struct rnd_state*r,u64 s){r->s=s;}
#define kdev_t dev_t
/* trace */
#define _TRACE_DM_LOG_H
#define DM_LOG_TRACE_H
#define trace_dm_log_failure(...) do{}while(0)
#define trace_dm_log_clean(...) do{}while(0)
#define trace_dm_log_mark_region(...) do{}while(0)
#define trace_dm_log_clear_region(...) do{}while(0)
#define trace_dm_log_resync_work(...) do{}while(0)
#define trace_dm_log_set_region_sync(...) do{}while(0)
#define trace_dm_log_resume(...) do{}while(0)
#define trace_dm_log_request(...) do{}while(0)
#define trace_dm_log_reply(...) ((void)start)
#define trace_dm_log_commit(...) do{}while(0)
#define trace_dm_log_reply_enabled() 0
#define trace_dm_log_commit_enabled() 0
/* kunit */
struct kunit{void*priv;int status;bool failed;const void*param_value;};
#define KUNIT_ARRAY_PARAM(n,a,d)
#define KUNIT_CASE_PARAM_ATTR(f,...) {f,#f}
#define KUNIT_PARAM_DESC_SIZE 128
#define KUNIT_SPEED_SLOW 1
 extern struct kunit shim_test;
#define kunit_get_current_test() (&shim_test)
#define KUNIT_FAILURE 1
void*shim_stub(void*fn); void shim_set_stub(void*fn,void*to);
#define KUNIT_STATIC_STUB_REDIRECT(fn,...) do{ __typeof__(&fn) _s=shim_stub((void*)fn); if(_s) return _s(__VA_ARGS__);}while(0)
#define kunit_activate_static_stub(t,fn,to) shim_set_stub((void*)fn,(void*)to)
#define kunit_kzalloc(t,s,g) calloc(1,s)
#define kunit_err(t,f,...) do{(void)(t);printf(f,##__VA_ARGS__);}while(0)
#define kunit_info kunit_err
#define KUNIT_FAIL(t,f,...) do{(t)->failed=true;printf("FAIL " f,##__VA_ARGS__);}while(0)
#define KUNIT_ASSERT_NOT_NULL(t,p) do{if(!(p))abort();}while(0)
#define KUNIT_ASSERT_EQ(t,a,b) do{if((a)!=(b)){printf("ASSERT %s:%d\n",__FILE__,__LINE__);abort();}}while(0)
#define KUNIT_EXPECT_GT(t,a,b) do{if(!((a)>(b)))KUNIT_FAIL(t,"%s > %s\n",#a,#b);}while(0)
#define KUNIT_EXPECT_EQ(t,a,b) do{if(!((a)==(b)))KUNIT_FAIL(t,"%s == %s\n",#a,#b);}while(0)
#define KUNIT_EXPECT_TRUE(t,a) do{if(!(a))KUNIT_FAIL(t,"%s\n",#a);}while(0)
struct kunit_case{void(*run)(struct kunit*);const char*name;}; struct kunit_suite{const char*name;int(*init)(struct kunit*);void(*exit)(struct kunit*);struct kunit_case*test_cases;};
#define KUNIT_CASE_SLOW(f) {f,#f}
#define KUNIT_CASE(f) {f,#f}
#define kunit_test_suite(s) struct kunit_suite*shim_suite=&s
#endif
#ifndef SHIM_BIO
#define SHIM_BIO
struct page; struct bio_vec{struct page*bv_page;unsigned bv_len;}; struct block_device{int x;}; struct gendisk{struct block_device*part0;};
struct bio{struct{u64 bi_sector;}bi_iter;void(*bi_end_io)(struct bio*);}; struct completion{int done;};
#define REQ_OP_READ 0
#define init_completion(c) ((c)->done=0)
#define complete(c) ((c)->done++)
#define try_wait_for_completion(c) ((c)->done?(c)->done--,true:false)
#define wait_for_completion(c) do{if(!(c)->done){printf("DEADLOCK completion\n");abort();}(c)->done--;}while(0)
#define get_order(x) 0
#define __free_pages(a,b)
#define alloc_pages(a,b) NULL
#define bio_uninit(b)
#define bio_init(...)
#define __bio_add_page(...)
#define submit_bio(b)
#define dm_put(m)
#define dm_hold(m) 0
#define dm_table_get_md(t) ((struct mapped_device*)NULL)
#define dm_disk(m) ((struct gendisk*)NULL)
#define bdev_logical_block_size(b) 512
#endif

#define dm_suspended(t) 0
