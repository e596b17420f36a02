/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The paths of cgroups and executables, taken when the first of their processes
 * becomes an owner. Later there may be nothing to ask: a container that lived for a
 * tenth of a second has no cgroup and no process when the agent reads its record.
 */
#ifndef TCPLEDGER_NAMES_H
#define TCPLEDGER_NAMES_H

#include "ctx.h"

#define NAME_MAX 256 /* with the zero */
#define NAME_LEVELS 24

/* The place of a path, to be filled; NULL if somebody did or does, or if there is no room. */
static __always_inline struct names *new_names(const struct name_key *key, u64 check)
{
	struct names *blank, *n;
	u32 zero = 0;

	blank = bpf_map_lookup_elem(&blank_names, &zero);
	if (!blank || bpf_map_update_elem(&names, key, blank, BPF_NOEXIST))
		return NULL;
	n = bpf_map_lookup_elem(&names, key);
	if (n)
		n->check = check;
	return n;
}

/* False: there is no room, or nothing could be read. */
static __always_inline bool add_part(struct names *n, const void *part)
{
	u32 used = n->used;
	long length;

	if (used > NAME_BYTES - NAME_MAX)
		return false;
	length = bpf_probe_read_kernel_str(n->parts + used, NAME_MAX, part);
	if (length <= 0)
		return false;
	n->used = used + length;
	return true;
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn)
{
	struct kernfs_node___rcu *rcu = (void *)kn;

	if (bpf_core_field_exists(rcu->__parent))
		return BPF_CORE_READ(rcu, __parent);
	return BPF_CORE_READ(kn, parent);
}

/* The hierarchy's root has no part. */
FUNCTION void read_cgroup_path(struct names *n, struct kernfs_node *kn)
{
	struct kernfs_node *parent;
	u32 state = NAMES_CUT;
	int i;

	for (i = 0; i < NAME_LEVELS; i++) {
		parent = kernfs_parent(kn);
		if (!parent) {
			state = NAMES_WHOLE;
			break;
		}
		if (!add_part(n, BPF_CORE_READ(kn, name)))
			break;
		kn = parent;
	}
	n->state = state;
}

static __always_inline void name_cgroup(u64 id, u8 how, struct kernfs_node *kn)
{
	struct name_key key = { .id = id, .kind = how };
	struct names *n;

	if (bpf_map_lookup_elem(&names, &key))
		return;
	n = new_names(&key, id);
	if (n)
		read_cgroup_path(n, kn);
}

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	return (void *)mnt - bpf_core_field_offset(struct mount, mnt);
}

/* Across mounts, as /proc/PID/exe shows it. The dentry of a memfd is its own parent. */
FUNCTION void read_file_path(struct names *n, const struct path *path)
{
	struct vfsmount *mnt = path->mnt;
	struct dentry *dentry = path->dentry, *parent;
	struct mount *mount, *below;
	u32 state = NAMES_CUT;
	int i;

	for (i = 0; i < NAME_LEVELS; i++) {
		mount = mount_of(mnt);
		if (dentry == BPF_CORE_READ(mnt, mnt_root)) {
			below = BPF_CORE_READ(mount, mnt_parent);
			state = below == mount ? NAMES_WHOLE : NAMES_CUT;
			if (state == NAMES_WHOLE)
				break;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mnt = __builtin_preserve_access_index(&below->mnt);
			continue;
		}
		parent = BPF_CORE_READ(dentry, d_parent);
		if (!add_part(n, BPF_CORE_READ(dentry, d_name.name)))
			break;
		if (dentry == parent) {
			state = NAMES_WHOLE;
			break;
		}
		dentry = parent;
	}
	n->state = state;
}

static __always_inline u64 join(u64 hash, u64 value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 32;
}

/*
 * The number of the task's executable, from the file's place in memory and its name.
 * Two files with one number do not share an entry: the second one has none.
 */
FUNCTION u32 name_executable(struct task_struct *task)
{
	struct name_key key = { .kind = NAME_EXE };
	struct path path = {};
	struct names *n;
	struct file *file;
	u64 check;

	file = BPF_CORE_READ(task, mm, exe_file);
	if (!file)
		return 0;
	BPF_CORE_READ_INTO(&path, file, f_path);
	check = join(join((u64)path.dentry, (u64)path.mnt), BPF_CORE_READ(path.dentry, d_name.hash_len));
	key.id = (u32)check;
	n = bpf_map_lookup_elem(&names, &key);
	if (n) /* without a check somebody is about to write it */
		return !n->check || n->check == check ? key.id : 0;
	n = new_names(&key, check);
	if (!n)
		return 0;
	read_file_path(n, &path);
	return key.id;
}

#endif
