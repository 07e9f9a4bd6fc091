// Loads a Compose file as `docker compose` does and prints the project as JSON. The command that
// comes with compose-go does not hand the environment to the interpolation.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	options, err := cli.NewProjectOptions(os.Args[1:],
		cli.WithOsEnv,
		cli.WithEnvFiles(),
		cli.WithDotEnv,
		cli.WithProfiles([]string{"*"}),
		cli.WithResolvedPaths(true),
		cli.WithConsistency(true),
	)
	if err == nil {
		project, loadErr := options.LoadProject(context.Background())
		if err = loadErr; err == nil {
			content, _ := project.MarshalJSON()
			fmt.Println(string(content))
			return
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
