package scratch

// Rule says which cache directories are safe. It is Nx 24's rule, for
// every version of Nx: another user who can replace files in the cache directory
// runs code as this user. Windows has no such owners and modes, and no such rule.
type Rule struct {
	// Workspace is the root of the workspace. What is in it is trusted as it is,
	// and so is its owner.
	Workspace string
	// AllowInsecure takes directories that are not safe as well.
	AllowInsecure bool
}
