# gen.sh TREE: stub headers
T=$1; rm -rf inc; mkdir -p inc
cat $T/drivers/md/dm-log/*.[ch] $T/drivers/md/dm-log/tests/{nodes_kunit,fake-cluster,regions-check}.c $T/drivers/md/dm-log/tests/fake-cluster.h 2>/dev/null | sed -n 's/^#include <\(.*\)>.*/\1/p' | sort -u | while read h; do mkdir -p inc/$(dirname $h); echo '#include "shim.h"' > inc/$h; done
rm -f inc/linux/errno.h inc/linux/limits.h
cp $T/include/uapi/linux/dm-log-userspace.h inc/linux/; cp $T/include/linux/dm-dirty-log.h inc/linux/
echo '#include "shim.h"' > inc/linux/types.h; echo '#include "shim.h"' > inc/linux/dm-ioctl.h
