package causes

import (
	"cmp"
	"slices"
)

// Group is a cause that tasks have in common.
type Group struct {
	Cause
	Tasks []string // their IDs, sorted
	// Runs are the runs that the tasks were compared with, newest first.
	Runs []*Run
}

// GroupCauses groups causes, those of most tasks first. A task is in each group of its
// causes.
func GroupCauses(all []Explanation) []Group {
	var groups []*Group
	byKey := make(map[string]*Group)
	for _, explanation := range all {
		for _, cause := range explanation.Causes {
			group := byKey[cause.key()]
			if group == nil {
				group = &Group{Cause: cause}
				byKey[cause.key()] = group
				groups = append(groups, group)
			}
			if cause.Kind == ProjectFiles { // for the group, the project that has the files counts
				group.Kind = ProjectFiles
			}
			group.Tasks = append(group.Tasks, explanation.Task.ID)
			if run := explanation.Against; run != nil && !slices.Contains(group.Runs, run) {
				group.Runs = append(group.Runs, run)
			}
		}
	}
	sorted := make([]Group, 0, len(groups))
	for _, group := range groups {
		slices.Sort(group.Tasks)
		group.Tasks = slices.Compact(group.Tasks)
		slices.SortFunc(group.Runs, func(a, b *Run) int { return b.Ended.Compare(a.Ended) })
		sorted = append(sorted, *group)
	}
	slices.SortStableFunc(sorted, func(a, b Group) int {
		return cmp.Or(cmp.Compare(len(b.Tasks), len(a.Tasks)), cmp.Compare(a.Text, b.Text))
	})
	return sorted
}

// key is equal for causes that are one for people.
func (c *Cause) key() string {
	kind := c.Kind
	if kind == DependencyFiles {
		kind = ProjectFiles
	}
	return string(kind) + "\x00" + c.Text
}
