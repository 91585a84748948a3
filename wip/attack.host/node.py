p='$W/attack.host/wrap.c'; s=open(p).read()
if 'shim_node' not in s:
    s=s.replace('else if(!strcmp(a,"settle"))','else if(!strcmp(a,"a2"))a2=atoi(v); else if(!strcmp(a,"settle"))')
    i=s.index('void shim_set_param'); s=s[:i]+'static int a2; int shim_a2(void){return a2;} int shim_node(void){ return the_nodes()->current_node; }\n'+s[i:]
open(p,'w').write(s)
