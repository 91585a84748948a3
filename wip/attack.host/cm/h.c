#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include "daemons/cmirrord/functions.h"
int log_tabbing,log_is_open,log_membership_change,log_checkpoint,log_resend_requests; const char*__rq_types_off_by_one[32];
int create_cluster_cpg(char*u,uint64_t l){return 0;} int destroy_cluster_cpg(char*u){return 0;}
static union{struct clog_request r; char b[2048];}q;
static int64_t *D;
static int ask(int t,unsigned who,const void*d,int n){memset(&q,0,sizeof q);strcpy(q.r.u_rq.uuid,"uuid");q.r.u_rq.luid=1;q.r.u_rq.version=3;q.r.u_rq.request_type=t;q.r.originator=who;if(n)memcpy(q.r.u_rq.data,d,n);q.r.u_rq.data_size=n;D=(void*)q.r.u_rq.data;do_request(&q.r,1);return q.r.u_rq.error;}
#define N 4
int main(){ int r; const char*c="4096 clustered-core 1024"; r=ask(DM_ULOG_CTR,1,c,strlen(c)+1);printf("CTR %d\n",r);
 ask(99,1,0,0); memset(&q,0,sizeof q);strcpy(q.r.u_rq.uuid,"uuid");q.r.u_rq.luid=1; printf("local_resume %d\n",local_resume(&q.r.u_rq)); printf("RESUME %d\n",ask(DM_ULOG_RESUME,1,0,0));
 for(;;){ ask(DM_ULOG_GET_RESYNC_WORK,1,0,0); printf("GET_RESYNC_WORK %d %d\n",(int)D[0],(int)D[1]); if(!D[0])break; uint64_t p[2]={D[1],1}; ask(DM_ULOG_SET_REGION_SYNC,1,p,16);}
 ask(DM_ULOG_GET_SYNC_COUNT,1,0,0);printf("count %d\n",(int)D[0]);
 ask(DM_ULOG_GET_RESYNC_WORK,2,0,0);printf("again GET_RESYNC_WORK %d\n",(int)D[0]);
 uint64_t f[2]={1,0}; ask(DM_ULOG_SET_REGION_SYNC,1,f,16);
 uint64_t one=1; ask(DM_ULOG_IS_REMOTE_RECOVERING,2,&one,8); printf("after SET(1,0): IRR(1) = %d hint %d of n=%d\n",(int)D[0],(int)D[1],N);
 ask(DM_ULOG_IN_SYNC,2,&one,8); printf("IN_SYNC(1) = %d (latched)\n",(int)D[0]);
 ask(DM_ULOG_GET_SYNC_COUNT,1,0,0);printf("count %d\n",(int)D[0]);
 for(int i=0;i<3;i++){ask(DM_ULOG_GET_RESYNC_WORK,1+i%2,0,0);printf("GET_RESYNC_WORK %d\n",(int)D[0]);}
 ask(DM_ULOG_IS_REMOTE_RECOVERING,2,&one,8); printf("IRR(1) = %d hint %d\n",(int)D[0],(int)D[1]);
 ask(DM_ULOG_PRESUSPEND,1,0,0); ask(DM_ULOG_IS_REMOTE_RECOVERING,2,&one,8); printf("halted: IRR(1) = %d hint %d\n",(int)D[0],(int)D[1]);ask(DM_ULOG_IN_SYNC,2,&one,8); printf("IN_SYNC(1) = %d\n",(int)D[0]);
 ask(DM_ULOG_GET_RESYNC_WORK,2,0,0);printf("halted: GET_RESYNC_WORK %d\n",(int)D[0]);
 return 0;}
