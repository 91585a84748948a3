#include "tests/nodes_kunit.c"
void shim_set_param(const char*a,const char*v){ if(!strcmp(a,"seed"))nodes_seed=strtoull(v,0,0); else if(!strcmp(a,"passes"))nodes_passes=strtoul(v,0,0); else if(!strcmp(a,"events"))nodes_events=strtoul(v,0,0); else if(!strcmp(a,"nodes"))nodes_nodes=atoi(v); else if(!strcmp(a,"daemon"))nodes_daemon=atoi(v); else if(!strcmp(a,"tell"))nodes_tell=atoi(v); else {printf("?%s\n",a);exit(2);} }
__attribute__((constructor)) static void virt(void){nodes_virtual=1;}
