package scratch

// Rule decides which cache directories are safe. It applies the rule of Nx 24 to every
// version of Nx: another user who can replace files in the cache directory can run code as
// this user. Windows has no such owners and modes, and needs no such rule.
type Rule struct {
	// Workspace is the root of the workspace. The rule trusts its owner and everything in
	// it.
	Workspace string
	// AllowInsecure accepts unsafe directories, too.
	AllowInsecure bool
}
