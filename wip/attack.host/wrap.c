#include "tests/nodes_kunit.c"
static int a2; int shim_a2(void){return a2;} int shim_node(void){ return the_nodes()->current_node; }
void shim_set_param(const char*a,const char*v){ if(!strcmp(a,"seed"))nodes_seed=strtoull(v,0,0); else if(!strcmp(a,"passes"))nodes_passes=strtoul(v,0,0); else if(!strcmp(a,"events"))nodes_events=strtoul(v,0,0); else if(!strcmp(a,"nodes"))nodes_nodes=atoi(v); else if(!strcmp(a,"daemon"))nodes_daemon=atoi(v); else if(!strcmp(a,"a2"))a2=atoi(v); else if(!strcmp(a,"intr"))shim_intr=atoi(v); else if(!strcmp(a,"settle"))shim_settle=atoi(v); else if(!strcmp(a,"tell"))nodes_tell=atoi(v); else {printf("?%s\n",a);exit(2);} }
__attribute__((constructor)) static void virt(void){nodes_virtual=1;}
