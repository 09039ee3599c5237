package trust

import (
	"slices"
	"strings"
)

// IsCI reports whether this is a run in CI: what isCI of Nx returns, which the npm package
// otherwise passes on.
func IsCI(getenv func(string) string) bool {
	if ci := getenv("CI"); ci != "" {
		return ci != "false"
	}
	isTrue := []string{"TF_BUILD", "GITHUB_ACTIONS", "BUILDKITE", "CIRCLECI", "CIRRUS_CI", "TRAVIS"}
	isSet := []string{"bamboo.buildKey", "bamboo_buildKey", "CODEBUILD_BUILD_ID", "GITLAB_CI", "HEROKU_TEST_RUN_ID", "BUILD_ID",
		"BUILD_NUMBER", "BUILD_BUILDID", "TEAMCITY_VERSION", "JENKINS_URL", "HUDSON_URL"}
	return slices.ContainsFunc(isTrue, func(name string) bool { return strings.EqualFold(getenv(name), "true") }) ||
		slices.ContainsFunc(isSet, func(name string) bool { return getenv(name) != "" })
}
