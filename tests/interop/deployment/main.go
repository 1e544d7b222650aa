// Reads the files of an installation with the libraries of the programs that will read them, and prints what these see, as
// JSON: Compose's own loader, kustomize, and Prometheus's parsers of rules and queries.
//
//	deployment compose DIRECTORY PROFILES FILE…   the project as `docker compose config` prints it; PROFILES are separated by commas
//	deployment kustomize DIRECTORY                the objects as `kubectl kustomize` prints them
//	deployment rules FILE                         the alerting rules, each with the series that its expression selects
//	deployment queries                            for each query of a JSON list on standard input, the series that it selects
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

type selector struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels"`
}

type alert struct {
	Alert       string            `json:"alert"`
	Expression  string            `json:"expression"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Selectors   []selector        `json:"selectors"`
}

func main() {
	result, err := run(os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) (any, error) {
	switch {
	case len(arguments) > 3 && arguments[0] == "compose":
		return compose(arguments[1], strings.Split(arguments[2], ","), arguments[3:])
	case len(arguments) == 2 && arguments[0] == "kustomize":
		return kustomize(arguments[1])
	case len(arguments) == 2 && arguments[0] == "rules":
		return rules(arguments[1])
	case len(arguments) == 1 && arguments[0] == "queries":
		return queries()
	}
	return nil, fmt.Errorf("the first comment of main.go has the arguments")
}

func compose(directory string, profiles, files []string) (any, error) {
	options, err := cli.NewProjectOptions(files,
		cli.WithWorkingDirectory(directory), cli.WithOsEnv, cli.WithEnvFiles(), cli.WithDotEnv, cli.WithProfiles(profiles))
	if err != nil {
		return nil, err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return nil, err
	}
	project, err = project.WithServicesEnvironmentResolved(true)
	if err != nil {
		return nil, err
	}
	text, err := project.MarshalJSON()
	return json.RawMessage(text), err
}

func kustomize(directory string) (any, error) {
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), directory)
	if err != nil {
		return nil, err
	}
	objects := []map[string]any{}
	for _, resource := range resources.Resources() {
		object, err := resource.Map()
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

func rules(path string) (any, error) {
	groups, problems := rulefmt.ParseFile(path, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.Default())
	if len(problems) > 0 {
		return nil, fmt.Errorf("%v", problems)
	}
	alerts := []alert{}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			selectors, err := selectorsOf(rule.Expr)
			if err != nil {
				return nil, err
			}
			alerts = append(alerts,
				alert{rule.Alert, rule.Expr, rule.For.String(), rule.Labels, rule.Annotations, selectors})
		}
	}
	return alerts, nil
}

func queries() (any, error) {
	var expressions []string
	if err := json.NewDecoder(os.Stdin).Decode(&expressions); err != nil {
		return nil, err
	}
	all := [][]selector{}
	for _, expression := range expressions {
		selectors, err := selectorsOf(expression)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", expression, err)
		}
		all = append(all, selectors)
	}
	return all, nil
}

// selectorsOf parses a query and lists its vector selectors.
func selectorsOf(expression string) ([]selector, error) {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expression)
	if err != nil {
		return nil, err
	}
	selectors := []selector{}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if vector, ok := node.(*parser.VectorSelector); ok {
			found := selector{vector.Name, map[string]string{}}
			for _, matcher := range vector.LabelMatchers {
				if matcher.Name != labels.MetricName {
					found.Labels[matcher.Name] = matcher.Value
				}
			}
			selectors = append(selectors, found)
		}
		return nil
	})
	return selectors, nil
}
