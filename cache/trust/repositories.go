package trust

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// A fork has the nx.json of its original, and its CI runs on a branch that is called main,
// too. So a branch is trusted only in a trusted repository: in one of
// azure.trust.repositories, or, without that key, in each that the CI does not report to
// be a fork. Runs of other repositories read what is trusted and write nothing: the names
// of their branches and the numbers of their pull requests are the same ones.
//
// This is no protection against the owner of a fork, who may change the fork's nx.json and
// whatever runs there. The credential is: a fork must not have one that may write.

// OfRepositories are the branches of these repositories only, each as OWNER/NAME.
func (b Branches) OfRepositories(names ...string) Branches {
	b.repositories = append([]string{}, names...)
	return b
}

// CheckRepository returns an error unless name can be that of a repository.
func CheckRepository(name string) error {
	segments := strings.Split(name, "/")
	isOdd := strings.ContainsAny(name, `*:@?\`) || strings.HasSuffix(name, ".git")
	if len(segments) < 2 || slices.Contains(segments, "") || isOdd {
		return errors.New("a repository is OWNER/NAME as the CI reports it, without host or wildcards, such as acme/shop")
	}
	return nil
}

// repository is what a CI reports of the repository whose run it is.
type repository struct {
	// variable is the one that names it, for people.
	variable string
	// names returns its names as OWNER/NAME, all of which must be trusted; "" is not told.
	names func() []string
	// fork, when set, returns how the CI reports a fork, or "".
	fork func() string
}

// named is a repository that one variable names.
func named(variable, name string) repository {
	return repository{variable: variable, names: func() []string { return []string{name} }}
}

// outside is why a run is not one of a trusted repository, and what to do; both are ""
// if it is, or may be. variable "" is a CI that is not known and names none.
func (b Branches) outside(r repository) (reason, advice string) {
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

// pathOfURL is OWNER/NAME in the URL of a repository, as git takes it.
func pathOfURL(text string) string {
	path := text
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		path = u.Path
	} else if _, after, isSCP := strings.Cut(text, ":"); isSCP && !strings.Contains(text, "://") {
		path = after
	}
	return strings.TrimSuffix(strings.Trim(path, "/"), ".git")
}
