"""Policies: which nodes are asked, in which order, and what is done when something fails.

They are plain objects, given to `Cluster` or `ExecutionProfile`; one of each has a default.

Example::

    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(local_dc="dc1")),
        retry_policy=ExponentialBackoffRetryPolicy(max_num_retries=3),
        speculative_execution_policy=ConstantSpeculativeExecutionPolicy(0.2, 1),
    )
"""

from __future__ import annotations

from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_driver.descriptors import ColDesc
    from cql_driver.policies.base import (
        HostDistance,
        HostStateListener,
        LoadBalancingPolicy,
        picker,
    )
    from cql_driver.policies.percentile import (
        LatencyAwareness,
        PercentileSpeculativeExecutionPolicy,
    )
    from cql_driver.policies.reaching import (
        AddressTranslator,
        ConstantReconnectionPolicy,
        ConvictionPolicy,
        EC2MultiRegionTranslator,
        ExponentialReconnectionPolicy,
        IdentityTranslator,
        NeverSickNodePolicy,
        ReconnectionPolicy,
        SickNodePolicy,
        SimpleConvictionPolicy,
    )
    from cql_driver.policies.retry import (
        DowngradingConsistencyRetryPolicy,
        ExponentialBackoffRetryPolicy,
        FallthroughRetryPolicy,
        NeverRetryPolicy,
        RetryPolicy,
        may_repeat,
        was_not_applied,
    )
    from cql_driver.policies.round_robin import (
        AllowListRoundRobinPolicy,
        DCAwareRoundRobinPolicy,
        RackAwareRoundRobinPolicy,
        RoundRobinPolicy,
        WhiteListRoundRobinPolicy,
    )
    from cql_driver.policies.speculative import (
        ConstantSpeculativeExecutionPolicy,
        NoSpeculativeExecutionPlan,
        NoSpeculativeExecutionPolicy,
        SpeculativeExecutionPlan,
        SpeculativeExecutionPolicy,
    )
    from cql_driver.policies.token_aware import TokenAwarePolicy, default_lbp_factory
    from cql_driver.policies.wrappers import (
        DefaultLoadBalancingPolicy,
        DSELoadBalancingPolicy,
        HostFilterPolicy,
        WrapperPolicy,
    )
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "cql_driver.policies.base": "HostDistance HostStateListener LoadBalancingPolicy picker",
            "cql_driver.descriptors": "ColDesc",
            "cql_driver.policies.percentile": (
                "LatencyAwareness PercentileSpeculativeExecutionPolicy"
            ),
            "cql_driver.policies.reaching": (
                "AddressTranslator ConstantReconnectionPolicy ConvictionPolicy "
                "EC2MultiRegionTranslator ExponentialReconnectionPolicy IdentityTranslator "
                "NeverSickNodePolicy ReconnectionPolicy SickNodePolicy SimpleConvictionPolicy"
            ),
            "cql_driver.policies.retry": (
                "DowngradingConsistencyRetryPolicy ExponentialBackoffRetryPolicy "
                "FallthroughRetryPolicy NeverRetryPolicy RetryPolicy may_repeat was_not_applied"
            ),
            "cql_driver.policies.round_robin": (
                "AllowListRoundRobinPolicy DCAwareRoundRobinPolicy RackAwareRoundRobinPolicy "
                "RoundRobinPolicy WhiteListRoundRobinPolicy"
            ),
            "cql_driver.policies.speculative": (
                "ConstantSpeculativeExecutionPolicy NoSpeculativeExecutionPlan "
                "NoSpeculativeExecutionPolicy SpeculativeExecutionPlan "
                "SpeculativeExecutionPolicy"
            ),
            "cql_driver.policies.token_aware": "TokenAwarePolicy default_lbp_factory",
            "cql_driver.policies.wrappers": (
                "DefaultLoadBalancingPolicy DSELoadBalancingPolicy HostFilterPolicy WrapperPolicy"
            ),
        },
    )

__all__ = [
    # Load balancing
    "AllowListRoundRobinPolicy",
    "DCAwareRoundRobinPolicy",
    "DSELoadBalancingPolicy",
    "DefaultLoadBalancingPolicy",
    "HostDistance",
    "HostFilterPolicy",
    "HostStateListener",
    "LatencyAwareness",
    "LoadBalancingPolicy",
    "RackAwareRoundRobinPolicy",
    "RoundRobinPolicy",
    "TokenAwarePolicy",
    "WhiteListRoundRobinPolicy",
    "WrapperPolicy",
    "default_lbp_factory",
    "picker",
    # Retry
    "DowngradingConsistencyRetryPolicy",
    "ExponentialBackoffRetryPolicy",
    "FallthroughRetryPolicy",
    "NeverRetryPolicy",
    "RetryPolicy",
    "may_repeat",
    "was_not_applied",
    # Speculative execution
    "ConstantSpeculativeExecutionPolicy",
    "NoSpeculativeExecutionPlan",
    "NoSpeculativeExecutionPolicy",
    "PercentileSpeculativeExecutionPolicy",
    "SpeculativeExecutionPlan",
    "SpeculativeExecutionPolicy",
    # Nodes that are down, or sick
    "ConstantReconnectionPolicy",
    "ConvictionPolicy",
    "ExponentialReconnectionPolicy",
    "NeverSickNodePolicy",
    "ReconnectionPolicy",
    "SickNodePolicy",
    "SimpleConvictionPolicy",
    # Addresses
    "AddressTranslator",
    "EC2MultiRegionTranslator",
    "IdentityTranslator",
    # Columns
    "ColDesc",
]
