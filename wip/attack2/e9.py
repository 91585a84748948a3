import sys
p=sys.argv[1]+'/drivers/md/dm-log/tests/nodes_kunit.c'
s=open(p).read()
s=s.replace("	set_odds(nd);\n	steps = 200","""	{
		struct nodes_node *n = &nd->node[0];
		struct nodes_block *w = &nd->region[2].block[0];
		int i, k;

		nd->handle_errors = false;
		for (i = 0; i < 20; i++) { do_mirror(nd, n); wait_ms(nd, 200); copy_on(nd, n, false); copy_on(nd, n, false); }
		for (k = 0; k < 6; k++) {
			u64 b;
			wait_ms(nd, 20000);
			run_cleaner(nd, n);
			b = get_jiffies_64();
			new_write(nd, n, 2, 0);
			for (i = 0; i < 2000 && w->place != AT_LEGS; i++) { do_mirror(nd, n); if (w->place != AT_LEGS) wait_ms(nd, 200); }
			printf("E9 write %d waited %llu ms\\n", k, (unsigned long long)(get_jiffies_64() - b));
			while (w->place == AT_LEGS) land(nd, 2, 0, k == 0);
			do_mirror(nd, n); do_mirror(nd, n);
		}
		exit(0);
	}
	set_odds(nd);
	steps = 200""",1)
open(p,'w').write(s)
