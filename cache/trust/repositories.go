package trust

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// A fork has the nx.json of its original, and its CI also runs on a branch called main. So a
// branch is trusted only in a trusted repository: one in azure.trust.repositories, or,
// without that key, any repository that the CI does not report as a fork. Runs of other
// repositories only read the trusted scope, because the names of their branches and the
// numbers of their pull requests can be the same.
//
// This does not protect against the owner of a fork, who can change the fork's nx.json and
// everything that runs there. The credential does: a fork must not have one that can write.

// OfRepositories restricts the branches to these repositories, each as OWNER/NAME.
func (b Branches) OfRepositories(names ...string) Branches {
	b.repositories = append([]string{}, names...)
	return b
}

// CheckRepository returns an error unless name can be the name of a repository.
func CheckRepository(name string) error {
	segments := strings.Split(name, "/")
	isOdd := strings.ContainsAny(name, `*:@?\`) || strings.HasSuffix(name, ".git")
	if len(segments) < 2 || slices.Contains(segments, "") || isOdd {
		return errors.New("a repository is OWNER/NAME as the CI reports it, without host or wildcards, such as acme/shop")
	}
	return nil
}

// repository is what a CI reports about the repository of a run.
type repository struct {
	// variable is the environment variable that names the repository, for people.
	variable string
	// names returns its names as OWNER/NAME, which must all be trusted; "" is unknown.
	names func() []string
	// fork, if set, returns how the CI reports a fork, or "".
	fork func() string
}

// repositoryIn returns a repository named by one variable.
func repositoryIn(variable, name string) repository {
	return repository{variable: variable, names: func() []string { return []string{name} }}
}

// whyUntrusted returns why a run is not of a trusted repository, and what to do. Both are "" if
// the repository is trusted, or unknown. An unknown CI has no variable.
func (b Branches) whyUntrusted(r repository) (reason, fix string) {
	isListed := func(name string) bool {
		return name == "" || slices.ContainsFunc(b.repositories, func(listed string) bool { return strings.EqualFold(listed, name) })
	}
	if b.repositories == nil && r.fork == nil || r.variable == "" {
		return "", ""
	}
	names := slices.Compact(r.names())
	others := slices.DeleteFunc(slices.Clone(names), isListed)
	what := strings.Join(others, " and ")
	switch {
	case b.repositories == nil:
		how := r.fork()
		if how == "" {
			return "", ""
		}
		return "in a fork", fmt.Sprintf("the repository %s is a fork (%s), and forks are not trusted by default; "+
			"if others should use its results, add it to azure.trust.repositories in nx.json", what, how)
	case strings.Join(names, "") == "":
		return "in an unknown repository", fmt.Sprintf("azure.trust.repositories in nx.json lists trusted repositories, but %s is not set", r.variable)
	case len(others) > 0:
		return "in an untrusted repository", fmt.Sprintf("the repository %s is not in azure.trust.repositories in nx.json; "+
			"if others should use its results, add it", what)
	default:
		return "", ""
	}
}

// pathOfURL returns OWNER/NAME in the URL of a repository, in any form that git accepts.
func pathOfURL(address string) string {
	path := address
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		path = u.Path
	} else if _, after, isSCP := strings.Cut(address, ":"); isSCP && !strings.Contains(address, "://") {
		path = after
	}
	return strings.TrimSuffix(strings.Trim(path, "/"), ".git")
}
