#include "tests/nodes_kunit.c"
void shim_set_param(const char*a,const char*v){ if(!strcmp(a,"seed"))nodes_seed=strtoull(v,0,0); else if(!strcmp(a,"passes"))nodes_passes=strtoul(v,0,0); else if(!strcmp(a,"events"))nodes_events=strtoul(v,0,0); else if(!strcmp(a,"nodes"))nodes_nodes=atoi(v); else if(!strcmp(a,"daemon"))nodes_daemon=atoi(v); else if(!strcmp(a,"story_s"))nodes_story_s=atoi(v); else if(!strcmp(a,"tell"))nodes_tell=atoi(v); else {printf("?%s\n",a);exit(2);} }
__attribute__((constructor)) static void virt(void){nodes_virtual=1;}

void shim_run(void){ for(int i=0;i<NR_PARTS&&!shim_test.failed;i++){ shim_test.param_value=&nodes_parts[i]; nodes_init(&shim_test); nodes_stories(&shim_test); nodes_exit(&shim_test); if(!nodes_passes)break;} }
