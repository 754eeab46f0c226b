//! Subnets and security groups, which the tests have no SDK client for.

use super::{Signed, TestEnvironment};

/// A VPC with a subnet and a security group, by their IDs.
pub struct Network {
    pub subnet: String,
    pub security_group: String,
}

impl TestEnvironment {
    /// Creates a VPC with a subnet and a security group.
    pub async fn make_network(&self) -> Network {
        let vpc = self.made("CreateVpc&CidrBlock=10.0.0.0/16", "vpcId").await;
        let subnet = format!("CreateSubnet&VpcId={vpc}&CidrBlock=10.0.0.0/24");
        let group = format!(
            "CreateSecurityGroup&VpcId={vpc}&GroupName=database-clients&GroupDescription=test"
        );
        Network {
            subnet: self.made(&subnet, "subnetId").await,
            security_group: self.made(&group, "groupId").await,
        }
    }

    /// Calls EC2 as root, and returns the text of the answer's first element with a name.
    async fn made(&self, action: &str, element: &str) -> String {
        let request = Signed::new("ec2", "POST", "/");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let body = format!("Action={action}&Version=2016-11-15");
        let answer = request.answer(self.endpoint(), &self.root(), &body).await;
        let text = answer.split_once(&format!("<{element}>"));
        let text = text.and_then(|(_, rest)| rest.split_once("</"));
        let (text, _) = text.unwrap_or_else(|| panic!("{action}: {answer}"));
        text.to_owned()
    }
}
