//! Makes a plugin the component's own.

/// Exports a plugin from the component that the crate is built as, by the trait of its world:
/// `export!(Uniform: ClientSelector)`. Without one it is an [`Aggregator`](crate::Aggregator). Its version is the
/// crate's. For every other target than WebAssembly this is nothing, so that the crate links natively too.
#[macro_export]
macro_rules! export {
    ($aggregator:ty: Aggregator) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "exported functions are generated as unsafe code")]
        const _: () = {
            use $crate::component::aggregator as world;

            struct Component;

            ::std::thread_local! {
                static INSTANCE: $crate::instance::Instance<$aggregator> = ::std::default::Default::default();
            }

            impl world::generated::Guest for Component {
                fn describe() -> $crate::component::Description {
                    world::describe::<$aggregator>(::std::env!("CARGO_PKG_VERSION"))
                }

                fn mergeable() -> bool {
                    <$aggregator as $crate::Aggregator>::MERGEABLE
                }

                fn begin(context: world::generated::Context) -> ::std::result::Result<(), $crate::Error> {
                    let (config, context) = world::begun(context);
                    INSTANCE.with(|instance| instance.begin(&config, context))
                }

                fn add(update: $crate::Update) -> ::std::result::Result<(), $crate::Error> {
                    INSTANCE.with(|instance| instance.add(update))
                }

                fn partial() -> ::std::result::Result<world::generated::PartialAggregate, $crate::Error> {
                    INSTANCE.with(|instance| instance.partial()).map(::std::convert::Into::into)
                }

                fn merge(part: world::generated::PartialAggregate) -> ::std::result::Result<(), $crate::Error> {
                    INSTANCE.with(|instance| instance.merge(part.into()))
                }

                fn finish() -> ::std::result::Result<world::generated::Outcome, $crate::Error> {
                    INSTANCE.with(|instance| instance.finish()).map(::std::convert::Into::into)
                }
            }

            $crate::bindings::export_component!(Component with_types_in $crate::bindings);
        };
    };
    ($selector:ty: ClientSelector) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "exported functions are generated as unsafe code")]
        const _: () = {
            use $crate::component::client_selector as world;

            struct Component;

            impl world::generated::Guest for Component {
                fn describe() -> $crate::component::Description {
                    world::describe::<$selector>(::std::env!("CARGO_PKG_VERSION"))
                }

                fn check(config: ::std::string::String) -> ::std::result::Result<(), $crate::Error> {
                    world::check::<$selector>(&config)
                }

                fn select(
                    context: world::generated::Selection,
                    candidates: ::std::vec::Vec<world::generated::Candidate>,
                ) -> ::std::result::Result<::std::vec::Vec<world::generated::Selected>, $crate::Error> {
                    world::select::<$selector>(context, candidates)
                }
            }

            $crate::bindings::client_selector::export_component!(
                Component with_types_in $crate::bindings::client_selector
            );
        };
    };
    ($balancer:ty: LoadBalancer) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "exported functions are generated as unsafe code")]
        const _: () = {
            use $crate::component::load_balancer as world;

            struct Component;

            impl world::generated::Guest for Component {
                fn describe() -> $crate::component::Description {
                    world::describe::<$balancer>(::std::env!("CARGO_PKG_VERSION"))
                }

                fn check(config: ::std::string::String) -> ::std::result::Result<(), $crate::Error> {
                    world::check::<$balancer>(&config)
                }

                fn place(
                    config: ::std::string::String,
                    client: world::generated::ClientInfo,
                    combiners: ::std::vec::Vec<world::generated::Combiner>,
                ) -> ::std::result::Result<::std::string::String, $crate::Error> {
                    world::place::<$balancer>(&config, client, combiners)
                }
            }

            $crate::bindings::load_balancer::export_component!(
                Component with_types_in $crate::bindings::load_balancer
            );
        };
    };
    ($adapter:ty: StorageAdapter) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "exported functions are generated as unsafe code")]
        const _: () = {
            use $crate::component::storage_adapter as world;
            use $crate::storage_adapter::StorageAdapter as _;

            struct Component;

            ::std::thread_local! {
                static OPENED: $crate::opened::Opened<$adapter> = ::std::default::Default::default();
            }

            impl world::generated::Guest for Component {
                fn describe() -> $crate::component::Description {
                    world::describe::<$adapter>(::std::env!("CARGO_PKG_VERSION"))
                }

                fn open(config: ::std::string::String) -> ::std::result::Result<(), $crate::Error> {
                    OPENED.with(|opened| opened.open(&config))
                }

                fn put(key: ::std::string::String, value: &$crate::Blob) -> ::std::result::Result<(), $crate::Error> {
                    OPENED.with(|opened| opened.call(|adapter| adapter.put(&key, value)))
                }

                fn get(
                    key: ::std::string::String,
                ) -> ::std::result::Result<::std::option::Option<$crate::Blob>, $crate::Error> {
                    OPENED.with(|opened| opened.call(|adapter| adapter.get(&key)))
                }

                fn remove(key: ::std::string::String) -> ::std::result::Result<(), $crate::Error> {
                    OPENED.with(|opened| opened.call(|adapter| adapter.remove(&key)))
                }

                fn keys(
                    prefix: ::std::string::String,
                    after: ::std::option::Option<::std::string::String>,
                    most: u32,
                ) -> ::std::result::Result<::std::vec::Vec<::std::string::String>, $crate::Error> {
                    OPENED.with(|opened| opened.call(|adapter| adapter.keys(&prefix, after.as_deref(), most)))
                }
            }

            $crate::bindings::storage_adapter::export_component!(
                Component with_types_in $crate::bindings::storage_adapter
            );
        };
    };
    ($aggregator:ty) => {
        $crate::export!($aggregator: Aggregator);
    };
}
