// Package config reads how a workspace wants its cache: the block "azure" of nx.json, the
// environment, and the claims of .env files, put together into one validated value
// ([Settings]), and what the run may do with it ([RunPolicy]). It is the only place that
// decides between nx.json and the environment, so serve, doctor and the other commands
// cannot disagree. It opens the containers that the settings name, without a request.
//
// It knows no command, no flag parser, no terminal and no protocol: package main converts
// the tasks and claims of the wire. Its messages never repeat a value that may be a secret.
package config
