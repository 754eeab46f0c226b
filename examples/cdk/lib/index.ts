/**
 * A stack that keyrota rendered, in an app of the AWS CDK.
 *
 * README.md says what the CDK does, and what `keyrota bootstrap` still has to do.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  AssetStaging,
  CfnParameter,
  DefaultStackSynthesizer,
  FileAssetPackaging,
  Stack,
  Token,
  type FileAssetLocation,
  type StackProps,
} from 'aws-cdk-lib';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import type { Construct } from 'constructs';

export interface KeyrotaStackProps extends Omit<StackProps, 'analyticsReporting' | 'synthesizer'> {
  /** The stack's name, as in the manifest. keyrota finds the stack by it. */
  readonly stackName: string;
  /** The path of the rendered template, such as `rendered/stack.yaml`. */
  readonly templateFile: string;
  /**
   * The zip files that `keyrota bundle` packed from the same manifest, by the name of the template's
   * parameter: `ArtifactKey`, `DatabaseArtifactKey`, `ServiceArtifactKey`, or `ServiceNoVpcArtifactKey`.
   */
  readonly functionZips: Readonly<Record<string, string>>;
}

/**
 * Deploys a rendered template as it is: the resources, their logical IDs, and their properties are those
 * of the template. Only the parameters for the zip files become the locations of CDK assets.
 *
 * It is a stack and not a construct in one, because keyrota's commands work on the whole stack.
 */
export class KeyrotaStack extends Stack {
  /** The included template, for references to its resources. */
  readonly template: CfnInclude;

  constructor(scope: Construct, id: string, props: KeyrotaStackProps) {
    const { templateFile, functionZips, tags, ...rest } = props;
    super(scope, id, {
      ...rest,
      // `bootstrap` recognizes the stack as its own by this tag.
      tags: { ...tags, 'keyrota:stack': props.stackName },
      // Nothing is added to the template: not the CDK's own resource, …
      analyticsReporting: false,
      // … and not the parameter and the rule that check how the account was bootstrapped.
      synthesizer: new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }),
    });

    const parameters: Record<string, string> = {};
    const uploaded = new Map<string, FileAssetLocation>();
    for (const [parameter, path] of Object.entries(functionZips)) {
      if (!parameter.endsWith('ArtifactKey')) {
        throw new Error(`functionZips: ${parameter} is not the name of a parameter that ends with ArtifactKey`);
      }
      // Two functions may have the same file.
      const location = uploaded.get(path) ?? this.upload(`${parameter}Zip`, path);
      uploaded.set(path, location);
      parameters['ArtifactBucket'] = location.bucketName;
      parameters[parameter] = location.objectKey;
    }
    this.template = new CfnInclude(this, 'Template', {
      templateFile,
      parameters,
      // An ID with the name of the construct in it would be another resource.
      preserveLogicalIds: true,
    });
    const missing = this.parametersWithoutValue();
    if (missing.length > 0) throw new Error(`functionZips: ${missing.join(', ')} is missing`);
  }

  /** The ARN of a secret, by the name of the template's output, such as `SecretArnProdOrdersDb1a2b3c4d`. */
  secretArn(output: string): string {
    return Token.asString(this.template.getOutput(output).value);
  }

  /**
   * Makes a file an asset of the CDK, whose name is the SHA-256 of its content. `Asset` would choose
   * another digest, and `keyrota doctor` compares the deployed code with the name.
   */
  private upload(id: string, path: string): FileAssetLocation {
    const staging = new AssetStaging(this, id, { sourcePath: path });
    return this.synthesizer.addFileAsset({
      fileName: staging.relativeStagedPath(this),
      packaging: FileAssetPackaging.FILE,
      sourceHash: createHash('sha256').update(readFileSync(path)).digest('hex'),
    });
  }

  private parametersWithoutValue(): string[] {
    const parameters = this.node.findAll().filter((construct) => construct instanceof CfnParameter);
    return parameters.filter((parameter) => parameter.default === undefined).map((parameter) => parameter.node.id);
  }
}
