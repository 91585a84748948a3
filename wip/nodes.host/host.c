#include "shim.h"
#include <linux/dm-dirty-log.h>
#include "types.h"
#include "private.h"
#include "common.h"
#include "ulog.h"
bool shim_verbose; u64 shim_time=1000000; struct task_struct shim_current; struct kunit shim_test;
static struct delayed_work*armed; 
static struct{void*fn,*to;} stubs[16]; static int nstubs;
void*shim_stub(void*fn){for(int i=0;i<nstubs;i++)if(stubs[i].fn==fn)return stubs[i].to;return NULL;}
void shim_set_stub(void*fn,void*to){for(int i=0;i<nstubs;i++)if(stubs[i].fn==fn){stubs[i].to=to;return;}stubs[nstubs].fn=fn;stubs[nstubs++].to=to;}
bool shim_disarm(struct delayed_work*d){ if(!d->armed)return false; struct delayed_work**p=&armed; while(*p&&*p!=d)p=&(*p)->next; if(*p)*p=d->next; d->armed=false; return true;}
void shim_arm(struct delayed_work*d,u64 delay){ shim_disarm(d); d->due=shim_time+delay; d->armed=true; d->next=armed; armed=d;}
bool shim_next(u64 until){ if(until>shim_time+100000){printf("LONG %llu\n",until-shim_time);abort();} struct delayed_work*b=NULL; for(struct delayed_work*d=armed;d;d=d->next)if(d->due<=until&&(!b||d->due<b->due))b=d; if(!b){ if(until>shim_time)shim_time=until; return false;} if(b->due>shim_time)shim_time=b->due; shim_disarm(b); b->work.fn(&b->work); return true;}
void shim_sleep(u64 until){ while(shim_next(until)); }
/* in place of registry.c and logs.c */
unsigned int dm_log_daemon_timeout_s;
void dm_log_raise_event(struct dm_target*ti){ KUNIT_STATIC_STUB_REDIRECT(dm_log_raise_event,ti);}
void dm_logs_add(struct dm_log_common*c){} void dm_logs_remove(struct dm_log_common*c){}
struct dm_dirty_log*dm_dirty_log_create(const char*n,struct dm_target*ti,int(*f)(struct dm_target*),unsigned argc,char**argv){
 struct dm_dirty_log*l=calloc(1,sizeof*l); l->type=&dm_log_userspace_type; l->flush_callback_fn=f; if(l->type->ctr(l,ti,argc,argv)){free(l);return NULL;} return l;}
void dm_dirty_log_destroy(struct dm_dirty_log*l){l->type->dtr(l);free(l);}
extern struct kunit_suite*shim_suite; int dm_log_cache_module_init(void) __attribute__((weak)); int dm_log_module_init_(void);
extern bool *shim_param(const char*);
void shim_set_param(const char*a,const char*v);
int main(int c,char**v){ setvbuf(stdout,NULL,_IOLBF,0);
 for(int i=1;i<c;i++){char*e=strchr(v[i],'='); if(!strcmp(v[i],"-v")){shim_verbose=true;continue;} if(!e)continue; *e=0; shim_set_param(v[i],e+1);}
 dm_log_userspace_init(); if(dm_log_cache_module_init) dm_log_cache_module_init();
 extern void shim_run(void); shim_run();
 return shim_test.failed; }
